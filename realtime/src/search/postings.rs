//! What a message is indexed by: the beginnings of its words. Words that the search takes for forms of one another begin with
//! the same letters, and so does a longer word; so all that match a word of a query are found by its beginning, and by those of its
//! stems, in the order of the messages.
//!
//! What there is no room for is not known of a message, so it may be anything: the index names too many messages, never too few.

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
    query::{STEM_PREFIX_CHARS_MIN, is_found},
    stop_words::is_stop_word,
    words::{STEM_CHARS_MIN, Word, words},
};

/// The most beginnings by which a message is indexed: those of the first words that are no stop words.
pub(super) const BEGINNINGS_MAX: usize = 50;
/// The most bytes of a word that are kept. What is that long, but for a character, may be the beginning of a longer word.
const WORD_BYTES_MAX: usize = 64;
/// The forms of a word differ at most in this many letters at their ends.
const ENDING_CHARS_MAX: usize = 16;
/// The most bytes of the words of one beginning, so that a posting is one write unit.
const WORDS_BYTES_MAX: usize = 512;
/// Stands for words that are not kept. No word is like that.
const ANY: &str = "*";

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
        if word.folded.contains(' ') {
            ANY.clone_into(&mut word.folded); // one character may stand for several words, such as U+FDFA
        }
        entries.entry(beginning).or_default().insert(word.folded);
    }
    let joined = |mut words: BTreeSet<String>| {
        let mut room = WORDS_BYTES_MAX - " *".len();
        let all = words.len();
        words.retain(|word| {
            let fits = word.len() < room;
            room -= if fits { word.len() + 1 } else { 0 };
            fits
        });
        if words.len() < all {
            words.insert(ANY.to_owned());
        }
        Vec::from_iter(words).join(" ")
    };
    entries.into_iter().map(|(beginning, words)| (beginning, joined(words))).collect()
}

/// The first letters of a word, without accents. A shorter word is its own beginning.
pub(super) fn beginning(word: &Word) -> String {
    word.plain.chars().take(STEM_CHARS_MIN).collect()
}

/// The beginnings of what matches a word of a query. Its stems begin as it does, but for German words in which `ü` is written as
/// `ue`, so there are one or two.
pub(super) fn beginnings(wanted: &Word) -> BTreeSet<String> {
    let stems = wanted.stems().iter().filter(|stem| stem.chars().count() >= STEM_PREFIX_CHARS_MIN);
    let of_stems = stems.map(|stem| stem.chars().take(STEM_CHARS_MIN).collect());
    of_stems.chain([beginning(wanted)]).collect()
}

/// Whether one of the words of a posting may be one of a query in some form.
pub(super) fn has_word(words: &str, wanted: &Word) -> bool {
    words.split(' ').any(|word| {
        let is_cut = word.len() > WORD_BYTES_MAX - char::MAX.len_utf8();
        let known = || Word::of(0, word);
        word == ANY || is_found(wanted, &known()) || is_cut && may_go_on_as(&known(), wanted)
    })
}

/// Whether a word may be a form of a query's, or begin with it, if it goes on after what is known of it.
fn may_go_on_as(known: &Word, wanted: &Word) -> bool {
    let is_begun = |(known, wanted): (&String, &String)| {
        let shared = known.chars().zip(wanted.chars()).take_while(|(known, wanted)| known == wanted).count();
        shared + ENDING_CHARS_MAX >= known.chars().count()
    };
    let stems = known.stems().iter().zip(wanted.stems());
    let plain = wanted.stems().iter().chain([&wanted.plain]).map(|wanted| (&known.plain, wanted));
    stems.chain(plain).any(is_begun)
}

/// Whether the index has a text by the words of a query.
#[cfg(test)]
pub(super) fn is_named(query: &super::query::Query, text: &str) -> bool {
    let entries = entries(text);
    let has = |word| {
        let mut found = beginnings(word).into_iter().filter_map(|beginning| entries.get(&beginning));
        found.any(|words| has_word(words, word))
    };
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

    #[test]
    fn what_is_not_kept_is_found() {
        let named = |query: &str, text: &str| is_named(&Query::parse(query).unwrap(), text);
        let session = format!("cs_test_a1{}", "B7x".repeat(19));
        assert!(named(&session, &format!("It was {session}.")), "a long word");
        assert!(!named(&session.replace('x', "y"), &session), "which is told from others that begin alike");
        let cyrillic = "превысокомногорассмотрительствующий";
        assert!(named(cyrillic, cyrillic) && named("превысокомногорассмотрительствующего", cyrillic));
        let many = (10..90).map(|n| format!("order{n}")).collect::<Vec<_>>().join(" ");
        assert!(named("order10", &many) && named("order89", &many), "the last of many that begin alike");
        assert!(!named("order10", "order11 order12"));
        assert!(named("Ueberweisung", "Eine Überweisung"), "of which only the stems begin alike");
        assert!(named("\u{fdfa}", "محمد \u{fdfa}") && named("\u{fc5e}\u{627}", "\u{fc5e}\u{627}"));
    }

    proptest! {
        /// So that whoever searches a company finds what they would find by reading all of it.
        #[test]
        fn what_matches_is_in_the_index(
            begun in prop::collection::vec(prop_oneof![
                4 => "[a-cäé]{3,7}",
                2 => "[a-c]?(ä|ae|ö|oe|ü|ue)[a-cß]{3,6}",
                1 => "[a-c_]{3}[a-c_]{50,70}",
                1 => "[а-в]{3}[а-вё]{25,40}",
                1 => "[ア-オ]{18,30}",
                1 => "[ا-ج]{0,3}[ﷺﷻﱞ][ا-ج]{0,3}",
            ], 1..4),
            endings in prop::collection::vec("(s|ies|ed|ing|en|ung|issement|aciones)?", 4),
            many in prop_oneof![Just(0), 20..40_usize],
            word in any::<prop::sample::Index>(),
            letters in prop_oneof![3..9_usize, 50..80_usize],
            spells_out in any::<bool>(),
        ) {
            // Many more words that begin as the first one.
            let alike = (0..many).map(|n| format!("{}{}{n}", begun[0], "dgkmo".repeat(3)));
            let text = begun.iter().zip(&endings).map(|(word, ending)| format!("{word}{ending}")).chain(alike);
            let text = text.collect::<Vec<_>>().join(" ");
            let words = words(&text);
            prop_assume!(words.iter().all(|word| !is_stop_word(&word.plain)));
            let mut word: String = text[words[word.index(words.len())].place.clone()].chars().take(letters).collect();
            if spells_out {
                word = word.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue");
            }
            let Some(query) = Query::parse(&format!("{word}{}", endings[3])) else { return Ok(()) };
            let asked = query.indexed_words();
            prop_assume!(!asked.is_empty(), "only words that say little");
            let is_short = |word: &&Word| word.plain.chars().count() < STEM_CHARS_MIN;
            prop_assume!(!asked.iter().any(is_short), "one of two letters begins words that are indexed elsewhere");
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
