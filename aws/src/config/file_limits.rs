//! How large files may be.

use funnelcast_core::file::{FILE_BYTES_MAX, FileKind};

/// How large files may be, by their kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileLimits([(FileKind, u64); FileKind::ALL.len()]);

impl FileLimits {
    /// The bytes of a megabyte.
    const MEGABYTE: u64 = 1024 * 1024;

    /// The largest file of this kind, in bytes.
    pub fn of(&self, kind: FileKind) -> u64 {
        self.0.iter().find(|(of, _)| *of == kind).map_or(0, |(_, bytes)| *bytes)
    }

    /// Reads limits in megabytes such as `image=10,video=100`. A kind that is not named keeps its default.
    ///
    /// # Errors
    /// What would be right.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        const MEGABYTES_MAX: u64 = FILE_BYTES_MAX / FileLimits::MEGABYTE;
        let mut limits = Self::default();
        for part in text.split(',') {
            let wrong = || {
                format!(
                    "must be a list such as image=25,audio=25,video=100,other=25, in megabytes of 1 to {MEGABYTES_MAX}; {part:?} is \
                     none of it"
                )
            };
            let (name, megabytes) = part.trim().split_once('=').ok_or_else(wrong)?;
            let limit = limits.0.iter_mut().find(|(kind, _)| kind.as_str() == name).ok_or_else(wrong)?;
            let megabytes =
                megabytes.parse::<u64>().ok().filter(|number| (1..=MEGABYTES_MAX).contains(number));
            limit.1 = megabytes.ok_or_else(wrong)? * Self::MEGABYTE;
        }
        Ok(limits)
    }
}

impl Default for FileLimits {
    /// 25 MB.
    fn default() -> Self {
        Self(FileKind::ALL.map(|kind| (kind, 25 * Self::MEGABYTE)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_files_are_megabytes_by_kind() {
        let limits_of = |limits: &FileLimits| FileKind::ALL.map(|kind| limits.of(kind) >> 20);
        assert_eq!(limits_of(&FileLimits::default()), [25, 25, 25, 25]);
        assert_eq!(limits_of(&FileLimits::parse("video=5120, image=1").unwrap()), [1, 25, 5120, 25]);
        for wrong in ["image", "image=0", "image=5121", "picture=1", "image=1,", "image=1.5"] {
            assert!(FileLimits::parse(wrong).is_err(), "{wrong}");
        }
    }
}
