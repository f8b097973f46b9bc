//! What a message is indexed by: the beginnings of its words. Words that the search takes for forms of one another begin with
//! the same letters, and so does a longer word; so all that match a word of a query are found by its beginning, in the order of
//! the messages.

use std::collections::{BTreeMap, BTreeSet};

use funnelcast_aws::{
    Table,
    table::{
        conversations::Owners,
        postings::{PostingChange, PostingChanges, TextChange},
    },
};
use funnelcast_core::Error;

use super::{
    query::is_found,
    stop_words::is_stop_word,
    words::{STEM_CHARS_MIN, Word, words},
};

/// The most beginnings by which a message is indexed: those of the first words that are no stop words.
pub(super) const BEGINNINGS_MAX: usize = 50;
/// The most bytes of a word that are kept.
const WORD_BYTES_MAX: usize = 64;
/// The most bytes of the words of one beginning, so that a posting is one write unit.
const WORDS_BYTES_MAX: usize = 512;

/// Takes changes of the texts of a conversation's messages, in their order, into the index of its company: 1 write unit for each
/// beginning of a word that a message has got or lost, or whose words have changed; and for each former company of the conversation 1
/// for each that it has lost or whose words have changed, because what was indexed for a company stays there when the conversation
/// moves, to be found when it comes back: of words that have changed, those that stay. A conversation that no company has is not indexed.
///
/// A repeat writes the same. If changes are repeated from an earlier one on, all that followed must be repeated too, as the
/// stream does.
///
/// # Errors
/// [`Error::Internal`] if the table fails. The changes must then be given again.
pub(crate) async fn index(
    table: &Table,
    owners: Option<&Owners>,
    changes: &[TextChange],
) -> Result<(), Error> {
    let Some(Owners { present, former }) = owners.filter(|_| !changes.is_empty()) else { return Ok(()) };
    let all = |of: fn(&TextChange) -> PostingChanges| changes.iter().flat_map(of).collect::<PostingChanges>();
    for company in former {
        table.change_postings(company, all(removals)).await?;
    }
    table.change_postings(present, all(posting_changes)).await
}

/// What a change of a text removes from an index that gets nothing new.
fn removals(TextChange { place, before, after, expires_at, .. }: &TextChange) -> PostingChanges {
    let (before, after) = (entries(before), entries(after));
    let outdated = before.into_iter().filter(|(beginning, words)| after.get(beginning) != Some(words));
    let changes = outdated.map(|(beginning, words)| {
        let kept: Vec<&str> = after.get(&beginning).into_iter().flat_map(|after| after.split(' ')).collect();
        let words: Vec<&str> = words.split(' ').filter(|word| kept.contains(word)).collect();
        let change = if words.is_empty() {
            PostingChange::Delete
        } else {
            PostingChange::Put { words: words.join(" "), expires_at: *expires_at }
        };
        ((beginning, place.clone()), change)
    });
    changes.collect()
}

/// What a change of a text changes in the index.
fn posting_changes(change: &TextChange) -> PostingChanges {
    let TextChange { place, before, after, expires_at, .. } = change;
    let (before, after) = (entries(before), entries(after));
    let lost = before.keys().filter(|beginning| !after.contains_key(*beginning));
    let lost = lost.map(|beginning| (beginning.clone(), PostingChange::Delete));
    let put = after.iter().filter(|(beginning, words)| before.get(*beginning) != Some(words)).map(
        |(beginning, words)| {
            (beginning.clone(), PostingChange::Put { words: words.clone(), expires_at: *expires_at })
        },
    );
    lost.chain(put).map(|(beginning, change)| ((beginning, place.clone()), change)).collect()
}

/// The words of a text by their beginnings.
pub(super) fn entries(text: &str) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::<_, BTreeSet<_>>::new();
    for mut word in words(text).into_iter().filter(|word| !is_stop_word(&word.plain)) {
        let beginning = beginning(&word);
        if entries.len() >= BEGINNINGS_MAX && !entries.contains_key(&beginning) {
            continue;
        }
        word.folded.truncate(word.folded.floor_char_boundary(WORD_BYTES_MAX));
        entries.entry(beginning).or_default().insert(word.folded);
    }
    let joined = |words: BTreeSet<String>| {
        let mut joined = String::new();
        for word in words {
            if joined.len() + word.len() < WORDS_BYTES_MAX {
                joined.extend([if joined.is_empty() { "" } else { " " }, &word]);
            }
        }
        joined
    };
    entries.into_iter().map(|(beginning, words)| (beginning, joined(words))).collect()
}

/// The first letters of a word, without accents. A shorter word is its own beginning.
pub(super) fn beginning(word: &Word) -> String {
    word.plain.chars().take(STEM_CHARS_MIN).collect()
}

/// Whether one of the words of a posting is one of a query in some form.
pub(super) fn has_word(words: &str, wanted: &Word) -> bool {
    words.split(' ').any(|word| is_found(wanted, &Word::of(0, word)))
}

/// Whether the index has a text by the words of a query.
#[cfg(test)]
pub(super) fn is_named(query: &super::query::Query, text: &str) -> bool {
    let entries = entries(text);
    let has = |word| entries.get(&beginning(word)).is_some_and(|words| has_word(words, word));
    query.indexed_words().into_iter().all(has)
}

#[cfg(test)]
mod tests {
    use funnelcast_core::action::MessagePlace;
    use proptest::prelude::*;

    use super::*;
    use crate::search::query::Query;

    fn change(before: &str, after: &str) -> Vec<(String, Option<String>)> {
        change_by(posting_changes, before, after)
    }

    fn change_by(
        of: fn(&TextChange) -> PostingChanges,
        before: &str,
        after: &str,
    ) -> Vec<(String, Option<String>)> {
        let place = MessagePlace { at: 1, conversation: "c1".parse().unwrap(), seq: 1.try_into().unwrap() };
        let change = TextChange {
            place,
            author: None,
            before: before.to_owned(),
            after: after.to_owned(),
            expires_at: Some(9),
        };
        let changes = of(&change).into_iter().map(|((beginning, _), change)| match change {
            PostingChange::Put { words, expires_at } => {
                assert_eq!(expires_at, Some(9));
                (beginning, Some(words))
            }
            PostingChange::Delete => (beginning, None),
        });
        changes.collect()
    }

    fn put(beginning: &str, words: &str) -> (String, Option<String>) {
        (beginning.to_owned(), Some(words.to_owned()))
    }

    #[test]
    fn a_text_is_indexed_by_how_its_words_begin() {
        let new = change("", "The refunds: Déjà refunded, re 7");
        assert_eq!(new, [put("7", "7"), put("dej", "déjà"), put("re", "re"), put("ref", "refunded refunds")]);
        assert_eq!(change("same words", "words, same!"), []);
        let edited = change("We refunded both invoices", "We refund both receipts");
        assert_eq!(edited, [("inv".to_owned(), None), put("rec", "receipts"), put("ref", "refund")]);
        assert_eq!(change("refund", ""), [("ref".to_owned(), None)]);
    }

    #[test]
    fn a_former_company_keeps_the_words_that_stay() {
        let edited = change_by(removals, "refunded refunds of invoices", "refunds, refundable receipts");
        assert_eq!(edited, [("inv".to_owned(), None), put("ref", "refunds")]);
        assert_eq!(change_by(removals, "refunded", "refunds"), [("ref".to_owned(), None)]);
        assert_eq!(change_by(removals, "refunds", "refunds and receipts"), []);
        assert_eq!(change_by(removals, "", "refunds"), []);
    }

    #[test]
    fn what_is_written_of_a_message_is_limited() {
        let beginnings =
            (b'a'..=b'z').flat_map(|first| (b'a'..=b'e').map(move |second| [first, second, b'x']));
        let text =
            beginnings.map(|word| String::from_utf8_lossy(&word).into_owned()).collect::<Vec<_>>().join(" ");
        assert_eq!(entries(&text).len(), BEGINNINGS_MAX);
        let same = (0..1_000).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
        let entries = entries(&format!("{same} {}", "x".repeat(9_000)));
        assert!(entries.values().all(|words| words.len() < WORDS_BYTES_MAX), "{entries:?}");
        assert_eq!(entries["xxx"].len(), WORD_BYTES_MAX);
    }

    proptest! {
        /// So that whoever searches a company finds what they would find by reading all of it.
        #[test]
        fn what_matches_is_in_the_index(
            text in "[a-cäé]{3,7}(s|ed|ing|en|ung)?( [a-cäé]{3,7}(s|ed|ing|en|ung)?){0,3}",
            word in 0..4_usize,
            letters in 3..9_usize,
            ending in "(s|ed|ing|en|ung)?",
        ) {
            let words = words(&text);
            let word = &words[word % words.len()].folded;
            let query = Query::parse(&format!("{}{ending}", word.chars().take(letters).collect::<String>())).unwrap();
            if query.matches(&text).is_some() {
                prop_assert!(is_named(&query, &text), "{:?} in {:?}", query, text);
            }
        }

        /// In whatever steps a text has become what it is, the index has what it would have of the text alone.
        #[test]
        fn changes_add_up(texts in prop::collection::vec("[abc]{0,4}( [abc]{1,5}){0,4}", 1..5)) {
            let mut index = BTreeMap::new();
            let mut before = "";
            for text in &texts {
                for (beginning, words) in change(before, text) {
                    match words {
                        Some(words) => drop(index.insert(beginning, words)),
                        None => drop(index.remove(&beginning)),
                    }
                }
                before = text;
            }
            prop_assert_eq!(index, entries(before));
        }
    }
}
