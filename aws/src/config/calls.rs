//! The configuration of calls.

use std::time::Duration;

use funnelcast_core::{
    Error,
    call::{CallTimes, IceUrl},
};

use crate::setting::Setting;

/// The longest delay of a message of SQS, which every timer is
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>).
const TIMER_SECS_MAX: u64 = 900;

/// How calls are set up, and how long they ring.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallSettings {
    /// `RING_SECONDS`, `CALL_CHECK_SECONDS`: how long calls ring, and how often they are looked at.
    pub times: CallTimes,
    /// `ICE_SERVERS`: the STUN and TURN servers.
    pub ice_servers: IceServers,
    /// `TURN_SECRET`: the name of the secret that the TURN servers know.
    pub turn_secret: Option<String>,
}

/// The servers by which the browsers of a call find a way to one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IceServers {
    /// Those that tell a browser its address.
    pub stun: Vec<IceUrl>,
    /// Those that relay, and need credentials.
    pub turn: Vec<IceUrl>,
}

impl CallSettings {
    /// Reads the settings by `get`.
    ///
    /// # Errors
    /// [`Error::Internal`] if one is invalid, or if there are TURN servers without their secret.
    pub(super) fn read(get: impl Fn(Setting) -> Option<String>) -> Result<Self, Error> {
        let default = CallTimes::default();
        let times = CallTimes {
            ring: seconds(&get, Setting::RING, default.ring)?,
            look: seconds(&get, Setting::CALL_CHECK, default.look)?,
        };
        let turn_secret = get(Setting::TURN_SECRET);
        let ice_servers = IceServers::parse(&get(Setting::ICE_SERVERS).unwrap_or_default());
        let ice_servers = ice_servers.map_err(|why| Setting::ICE_SERVERS.wrong(why))?;
        if turn_secret.is_none() && !ice_servers.turn.is_empty() {
            return Err(Setting::ICE_SERVERS.wrong("has TURN servers, which need the parameter TurnSecret"));
        }
        Ok(Self { times, ice_servers, turn_secret })
    }
}

fn seconds(
    get: impl Fn(Setting) -> Option<String>,
    setting: Setting,
    default: Duration,
) -> Result<Duration, Error> {
    let Some(text) = get(setting) else { return Ok(default) };
    let number = text.parse().ok().filter(|number| (1..=TIMER_SECS_MAX).contains(number));
    number.map(Duration::from_secs).ok_or_else(|| {
        setting.wrong(format_args!("must be a whole number of seconds, 1 to {TIMER_SECS_MAX}, not {text:?}"))
    })
}

impl IceServers {
    /// Reads URLs that are separated by commas.
    fn parse(list: &str) -> Result<Self, String> {
        let urls = list.split(',').map(str::trim).filter(|url| !url.is_empty());
        let urls: Vec<IceUrl> = urls.map(|url| IceUrl::try_from(url.to_owned())).collect::<Result<_, _>>()?;
        let (turn, stun) = urls.into_iter().partition(IceUrl::is_turn);
        Ok(Self { stun, turn })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(Setting, &str)]) -> Result<CallSettings, String> {
        let get = |setting| {
            let found = settings.iter().find(|(one, _)| *one == setting);
            found.map(|(_, text)| (*text).to_owned())
        };
        CallSettings::read(get).map_err(|error| error.to_string())
    }

    #[test]
    fn servers_are_told_apart_and_turn_needs_a_secret() {
        assert_eq!(read(&[]), Ok(CallSettings::default()));
        let list = "stun:a.example:3478, turn:b.example?transport=udp,turns:b.example:443";
        let all =
            read(&[(Setting::ICE_SERVERS, list), (Setting::TURN_SECRET, "funnelcast/dev/turn")]).unwrap();
        assert_eq!((all.ice_servers.stun.len(), all.ice_servers.turn.len()), (1, 2));
        let lacking = read(&[(Setting::ICE_SERVERS, list)]).unwrap_err();
        assert!(lacking.contains("IceServers") && lacking.contains("TurnSecret"), "{lacking}");
        let wrong = read(&[(Setting::ICE_SERVERS, "https://a.example")]).unwrap_err();
        assert!(wrong.contains("IceServers must be URLs such as stun:"), "{wrong}");
    }

    #[test]
    fn times_are_whole_seconds() {
        let times = read(&[(Setting::RING, "30"), (Setting::CALL_CHECK, "5")]).unwrap().times;
        assert_eq!((times.ring, times.look), (Duration::from_secs(30), Duration::from_secs(5)));
        for wrong in ["0", "901", "1.5", "-1", "soon"] {
            let refusal = read(&[(Setting::RING, wrong)]).unwrap_err();
            assert!(refusal.contains("RingSeconds must be a whole number"), "{refusal}");
        }
    }
}
