//! Posts of frames to members, side by side.

use funnelcast_aws::{
    clock::now,
    gateway::{IN_FLIGHT_MAX, PostOutcome},
    measure::{self, Tally},
    table::{
        Member,
        connections::{Departed, Removal},
    },
};
use funnelcast_core::{Channel, ConnectionId, Error, frame::Event};
use futures_util::{StreamExt, stream};

use super::frames::{Addressed, Frames};
use crate::{context::Realtime, departures};

/// Posts an event to those of these members who hear, [`IN_FLIGHT_MAX`] at a time; `except` is the connection that
/// it came from.
///
/// # Errors
/// [`Error::Internal`] where the event cannot be written as JSON.
pub async fn post(
    realtime: &Realtime,
    event: &Event,
    members: &[Member],
    except: Option<&ConnectionId>,
) -> Result<Tally, Error> {
    let addressed = Addressed { event: event.clone(), except: except.cloned() };
    post_one(realtime, &addressed, members).await.map(|(tally, _)| tally)
}

/// Posts one event, and gives the members whose posts failed.
pub(super) async fn post_one(
    realtime: &Realtime,
    addressed: &Addressed,
    members: &[Member],
) -> Result<(Tally, Vec<Member>), Error> {
    let frames = Frames::of(std::slice::from_ref(addressed))?;
    let mut failed = Vec::new();
    let tally = post_frames(realtime, &addressed.event.channel, &frames, members, &mut failed).await?;
    measure::posted(&tally);
    Ok((tally, failed))
}

/// Posts frames, and puts the members whose posts failed into `failed`.
pub(super) async fn post_frames(
    realtime: &Realtime,
    channel: &Channel,
    frames: &Frames,
    members: &[Member],
    failed: &mut Vec<Member>,
) -> Result<Tally, Error> {
    let now = now();
    let posts = members.iter().filter(|member| member.hears(now)).filter_map(|member| {
        let frames = frames.to(&member.connection);
        (!frames.is_empty()).then_some((member, frames))
    });
    let mut posts = stream::iter(posts)
        .map(async |(member, frames)| {
            let mut delivered = PostOutcome::Sent;
            for frame in frames {
                match realtime.gateway.post(&member.connection, frame).await {
                    PostOutcome::Sent => {}
                    PostOutcome::TooLarge => delivered = PostOutcome::TooLarge, // the next one may not be
                    other => return (member, other),
                }
            }
            (member, delivered)
        })
        .buffer_unordered(IN_FLIGHT_MAX)
        .boxed(); // else the compiler does not see that it is `Send` (rust-lang/rust#102211), which `http` needs
    let mut tally = Tally::default();
    let mut dead = Vec::new();
    while let Some((member, delivered)) = posts.next().await {
        match delivered {
            PostOutcome::Sent => tally.sent += 1,
            PostOutcome::Gone => dead.push(member),
            PostOutcome::TooLarge => tally.refused += 1,
            PostOutcome::Failed => failed.push(member.clone()),
        }
    }
    drop(posts);
    tally.gone = dead.len();
    tally.failed = failed.len();
    remove_gone(realtime, channel, &dead).await;
    Ok(tally)
}

/// Removes dead RECIPIENTS. What fails here is only logged: the next post's 410 finds them again.
async fn remove_gone(realtime: &Realtime, channel: &Channel, dead: &[&Member]) {
    let burials = dead.iter().map(async |member| {
        if let Err(error) = remove_gone_member(realtime, member, channel).await {
            tracing::warn!(connection = %member.connection, %error, "a dead connection could not be removed");
        }
    });
    let burials = stream::iter(burials).buffer_unordered(IN_FLIGHT_MAX).boxed(); // as above
    burials.collect::<()>().await;
}

/// Removes a dead connection; the stream of the table brings the rest. Where it was gone already, there may be
/// nobody to clean up the membership that led to it: one written while the connection ended.
async fn remove_gone_member(realtime: &Realtime, member: &Member, channel: &Channel) -> Result<(), Error> {
    match realtime.table().remove_connection(&member.user, &member.connection).await? {
        Removal::Done => Ok(()),
        Removal::NothingThere => {
            let channels = vec![member.join(channel)];
            let Member { user, name, connection, .. } = member.clone();
            departures::note(realtime, Departed { connection, user, name, channels, at: now() }).await
        }
    }
}
