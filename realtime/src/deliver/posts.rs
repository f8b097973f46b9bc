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

/// Posts an event to those of these members that are live, [`IN_FLIGHT_MAX`] at a time. `except` is the connection
/// that sent it.
///
/// # Errors
/// [`Error::Internal`] if the event cannot be serialised.
pub async fn post(
    realtime: &Realtime,
    event: &Event,
    members: &[Member],
    except: Option<&ConnectionId>,
) -> Result<Tally, Error> {
    let addressed = Addressed { event: event.clone(), except: except.cloned() };
    post_one(realtime, &addressed, members).await.map(|(tally, _)| tally)
}

/// Posts one event, and returns the members whose posts failed.
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

/// Posts frames, and adds the members whose posts failed to `failed`.
pub(super) async fn post_frames(
    realtime: &Realtime,
    channel: &Channel,
    frames: &Frames,
    members: &[Member],
    failed: &mut Vec<Member>,
) -> Result<Tally, Error> {
    let now = now();
    let posts = members.iter().filter(|member| member.is_live(now)).filter_map(|member| {
        let frames = frames.to(&member.connection);
        (!frames.is_empty()).then_some((member, frames))
    });
    let mut posts = stream::iter(posts)
        .map(async |(member, frames)| {
            let mut delivered = PostOutcome::Sent;
            for frame in frames {
                match realtime.gateway.post(&member.connection, frame).await {
                    PostOutcome::Sent => {}
                    PostOutcome::TooLarge => delivered = PostOutcome::TooLarge, // the next frame may be small enough
                    other => return (member, other),
                }
            }
            (member, delivered)
        })
        .buffer_unordered(IN_FLIGHT_MAX)
        .boxed(); // else the compiler does not see that it is `Send` (rust-lang/rust#102211), which `http` needs
    let mut tally = Tally::default();
    let mut gone = Vec::new();
    while let Some((member, delivered)) = posts.next().await {
        match delivered {
            PostOutcome::Sent => tally.sent += 1,
            PostOutcome::Gone => gone.push(member),
            PostOutcome::TooLarge => tally.refused += 1,
            PostOutcome::Failed => failed.push(member.clone()),
        }
    }
    drop(posts);
    tally.gone = gone.len();
    tally.failed = failed.len();
    remove_gone(realtime, channel, &gone).await;
    Ok(tally)
}

/// Removes recipients that are gone. A failure is only logged, because the 410 of the next post finds them again.
async fn remove_gone(realtime: &Realtime, channel: &Channel, gone: &[&Member]) {
    let removals = gone.iter().map(async |member| {
        if let Err(error) = remove_gone_member(realtime, member, channel).await {
            tracing::warn!(connection = %member.connection, %error, "removing a connection that is gone failed");
        }
    });
    let removals = stream::iter(removals).buffer_unordered(IN_FLIGHT_MAX).boxed(); // as above
    removals.collect::<()>().await;
}

/// Removes a connection that is gone; the table's stream does the rest. If its row was gone already, nothing else may
/// clean up the membership that led here, which was then written while the connection ended.
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
