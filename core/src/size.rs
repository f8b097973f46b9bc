//! How large something is on the wire: in bytes of JSON, what is around it and every escape included.
//!
//! API Gateway takes messages of at most 128 KiB, replies too. Text is counted by what it becomes: a control character is one
//! byte in the table and six on the wire. So whoever puts a reply together from parts asks a [`Room`] for each of them.

use std::io;

use serde::Serialize;

/// The most bytes of a frame
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>).
pub const FRAME_BYTES_MAX: usize = 128 * 1024;
/// What is around a reply's `data`: the envelope, with an `id` of 64 bytes of which each is escaped.
const AROUND_DATA_BYTES_MAX: usize = 1024;
/// What stands between two elements of a list.
const BETWEEN_BYTES: usize = ",".len();

/// How many bytes a value is as JSON. What cannot be written is larger than everything.
pub fn json_bytes(value: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}

/// Writes nothing, and counts it.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The room that is left in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room(usize);

impl Room {
    /// Of this many bytes.
    pub const fn of(bytes: usize) -> Self {
        Self(bytes)
    }

    /// That of a reply, beside the `data` as it is so far.
    pub fn beside(data: &impl Serialize) -> Self {
        Self((FRAME_BYTES_MAX - AROUND_DATA_BYTES_MAX).saturating_sub(json_bytes(data)))
    }

    /// What is left, in bytes.
    pub const fn left(self) -> usize {
        self.0
    }

    /// Takes the room that an element of a list needs, if it is there.
    pub fn takes(&mut self, element: &impl Serialize) -> bool {
        let left = self.0.checked_sub(json_bytes(element).saturating_add(BETWEEN_BYTES));
        if let Some(left) = left {
            self.0 = left;
        }
        left.is_some()
    }

    /// How many of the first elements fit, whose room is taken.
    pub fn fitting<T: Serialize>(&mut self, elements: &[T]) -> usize {
        elements.iter().take_while(|element| self.takes(element)).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn escapes_count() {
        for (text, bytes) in [("abc", 5), ("\u{1}\u{2}", 14), ("\"\\", 6), ("ü€", 7)] {
            assert_eq!(json_bytes(&text), bytes, "{text:?}");
        }
    }

    #[test]
    fn an_element_that_does_not_fit_takes_nothing() {
        let mut room = Room::of(10);
        assert!(room.takes(&"abc") && !room.takes(&"abc") && room.takes(&"a"));
        assert_eq!(room.left(), 0);
    }

    proptest! {
        #[test]
        fn a_list_of_what_fits_is_no_larger_than_its_room(
            texts in prop::collection::vec("[a\"\u{1}ü]{0,40}", 0..40),
            bytes in 0usize..2_000,
        ) {
            let mut room = Room::of(bytes);
            let fitting = room.fitting(&texts);
            let list = json!(texts[..fitting]).to_string();
            prop_assert!(list.len() <= bytes + "[]".len(), "{}", list.len());
            let next = json!(texts[..(fitting + 1).min(texts.len())]).to_string();
            prop_assert!(fitting == texts.len() || next.len() >= bytes, "{}", next.len());
        }
    }
}
