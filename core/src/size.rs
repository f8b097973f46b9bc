//! Sizes on the wire: bytes of JSON, with the envelope and every escape.
//!
//! API Gateway refuses messages above 128 KiB, replies included. The size of a text is that of its JSON form: a control
//! character is one byte in the table and six on the wire. Code that puts a reply together from parts asks a [`Room`] for
//! each part.

use std::io;

use serde::Serialize;

limits! {
    /// The largest request, in bytes: a client's WebSocket frame, which API Gateway limits
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>),
    /// or a body of the HTTP API, so that both take the same.
    pub const REQUEST_BYTES_MAX: usize = 32 * 1024;
}

/// The largest message to a client, in bytes, as API Gateway limits it
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html>).
pub const FRAME_BYTES_MAX: usize = 128 * 1024;
/// The most bytes of a reply without its `data`: the envelope, with an `id` of 64 bytes that are all escaped.
const AROUND_DATA_BYTES_MAX: usize = 1024;
/// The bytes between two elements of a list.
const BETWEEN_BYTES: usize = ",".len();

/// The size of a value as JSON, in bytes; `usize::MAX` for a value that cannot be serialised.
pub fn json_bytes(value: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX, |()| counter.0)
}

/// A writer that counts bytes and drops them.
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

/// The bytes that are left in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room(usize);

impl Room {
    /// A message with this many bytes left.
    pub const fn of(bytes: usize) -> Self {
        Self(bytes)
    }

    /// The bytes that a reply has left beside its `data` as it is so far.
    pub fn beside(data: &impl Serialize) -> Self {
        Self((FRAME_BYTES_MAX - AROUND_DATA_BYTES_MAX).saturating_sub(json_bytes(data)))
    }

    /// The bytes that are left.
    pub const fn left(self) -> usize {
        self.0
    }

    /// Takes the bytes that an element of a list needs. Returns false, and takes nothing, if there are not enough.
    pub fn takes(&mut self, element: &impl Serialize) -> bool {
        self.takes_with(element, 0)
    }

    /// Takes the bytes that an element of a list needs, and as many more by which it is still to grow. Returns false, and
    /// takes nothing, if there are not enough.
    pub fn takes_with(&mut self, element: &impl Serialize, more: usize) -> bool {
        let left = self.0.checked_sub(json_bytes(element).saturating_add(BETWEEN_BYTES + more));
        if let Some(left) = left {
            self.0 = left;
        }
        left.is_some()
    }

    /// Takes the bytes of as many of the first elements as fit, and returns their number.
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
