//! How far a mapping has read its stream, in a file if the stack is persistent.
//!
//! A record counts as read when it was handled, given up or filtered out. What was in flight when the stack ended is
//! delivered again by the next run: at least once, as on AWS.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// The shortest time between two writes of the file.
const SAVE_INTERVAL: Duration = Duration::from_secs(1);

/// Where to continue reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Position {
    /// At the stream's beginning.
    Start,
    /// At this record, which is not done.
    At(String),
    /// After this record; all records up to it are done.
    After(String),
}

/// Which records are done. Cheap to clone.
#[derive(Clone)]
pub(super) struct Progress {
    shared: Arc<Shared>,
}

struct Shared {
    file: Option<PathBuf>,
    state: Mutex<State>,
}

struct State {
    /// Sequence numbers, which have the same length and so sort as text.
    pending: BTreeSet<String>,
    newest: Option<String>,
    saved: Option<Position>,
    saved_at: Instant,
}

impl Progress {
    /// Loads the position from `file`, if there is one.
    pub(super) fn load(file: Option<PathBuf>) -> (Self, Option<Position>) {
        let text = file.as_ref().and_then(|file| fs::read(file).ok());
        let saved: Option<Position> = text.and_then(|text| serde_json::from_slice(&text).ok());
        let state =
            State { pending: BTreeSet::new(), newest: None, saved: saved.clone(), saved_at: Instant::now() };
        (Self { shared: Arc::new(Shared { file, state: Mutex::new(state) }) }, saved)
    }

    /// Saves where reading starts, before the first record is read.
    pub(super) fn begin_at(&self, position: &Position) {
        self.shared.save(Some(position.clone()));
    }

    /// A record has been read and will be handled.
    pub(super) fn begin(&self, sequence: &str) {
        self.shared.lock().pending.insert(sequence.to_owned());
    }

    /// All records up to this one have been read.
    pub(super) fn read_up_to(&self, sequence: &str) {
        self.shared.lock().newest = Some(sequence.to_owned());
    }

    /// A record needs no more handling.
    pub(super) fn finish(&self, sequence: &str) {
        self.shared.lock().pending.remove(sequence);
    }

    /// Saves the position, unless it was saved less than [`SAVE_INTERVAL`] ago.
    pub(super) fn save_sometimes(&self) {
        let position = {
            let state = self.shared.lock();
            (state.saved_at.elapsed() >= SAVE_INTERVAL).then(|| state.position())
        };
        if let Some(position) = position {
            self.shared.save(position);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, position: Option<Position>) {
        let Some(file) = &self.file else { return };
        let mut state = self.lock();
        state.saved_at = Instant::now();
        if position.is_none() || position == state.saved {
            return;
        }
        let unfinished = file.with_extension("tmp");
        let written = serde_json::to_vec(&position)
            .map_err(Into::into)
            .and_then(|text| fs::write(&unfinished, text))
            .and_then(|()| fs::rename(&unfinished, file));
        match written {
            Ok(()) => state.saved = position,
            Err(error) => {
                tracing::warn!(%error, file = %file.display(), "cannot save the position in the stream");
            }
        }
    }
}

/// The last clone is dropped with the last lane.
impl Drop for Shared {
    fn drop(&mut self) {
        let position = self.lock().position();
        self.save(position);
    }
}

impl State {
    fn position(&self) -> Option<Position> {
        match self.pending.first() {
            Some(oldest) => Some(Position::At(oldest.clone())),
            None => self.newest.clone().map(Position::After),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_continues_at_the_oldest_unfinished_record() {
        let directory = tempfile::tempdir().unwrap();
        let file = Some(directory.path().join("M.position"));
        let (progress, saved) = Progress::load(file.clone());
        assert_eq!(saved, None);
        progress.begin_at(&Position::Start);
        assert_eq!(Progress::load(file.clone()).1, Some(Position::Start), "even if nothing is read");
        for sequence in ["01", "02", "03"] {
            progress.begin(sequence);
        }
        progress.read_up_to("04");
        progress.finish("01");
        progress.finish("03");
        drop(progress);
        let (progress, saved) = Progress::load(file.clone());
        assert_eq!(saved, Some(Position::At("02".to_owned())));
        progress.begin("02");
        progress.read_up_to("04");
        progress.finish("02");
        drop(progress);
        let (progress, saved) = Progress::load(file.clone());
        assert_eq!(saved, Some(Position::After("04".to_owned())));
        drop(progress);
        assert_eq!(
            Progress::load(file).1,
            Some(Position::After("04".to_owned())),
            "a run that reads nothing keeps the position"
        );
    }

    #[test]
    fn a_stack_in_memory_keeps_no_file() {
        let (progress, saved) = Progress::load(None);
        progress.read_up_to("01");
        progress.shared.save(Some(Position::After("01".to_owned())));
        assert_eq!(saved, None);
    }
}
