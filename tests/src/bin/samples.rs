//! `samples`: invokes every function by `sam local invoke` with its samples, for `scripts/sam-local`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Parser;
use tests::Stack;
use tests::samples::{Invoker, Sam, invoke_all};

/// Invokes every function by `sam local invoke` with each of its samples, against the table, the queues and the bus of the
/// running local stack whose ready file `FUNNELCAST_STACK` names. Exits with 1 at the first answer that is not as expected.
#[derive(Debug, Parser)]
#[command(name = "samples")]
struct Options {
    /// An empty folder for files that the invocations need.
    folder: PathBuf,
    /// The address at which containers reach this machine, with the port of the stack for the AWS services, such as
    /// 172.30.0.1:3001.
    bridge: SocketAddr,
    /// The file with the dev issuer's key.
    #[arg(long, default_value = ".funnelcast/dev-issuer.key")]
    dev_key: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Options { folder, bridge, dev_key } = Options::parse();
    let stack = Stack::shared()?;
    let dev_key = std::fs::read_to_string(&dev_key).with_context(|| dev_key.display().to_string())?;
    let sam = Sam::new(stack, &folder, bridge, dev_key.trim()).await?;
    let mut count = 0;
    invoke_all(stack, &Invoker::Sam(sam), |function, sample, answer| {
        count += 1;
        println!("{function} < events/{sample}.json: {answer}");
    })
    .await?;
    println!("{count} invocations, and every answer was as expected");
    Ok(())
}
