//! Queries, and how well a text matches one.
//!
//! A text matches a query if it has every word and every phrase of it. A word is found as it is written, without its accents,
//! in another form of the word, or as the beginning of a longer one; a phrase, in quotes, only as it is written, accents
//! aside. Words that say little, such as articles, need not be there unless the query has no others.

use std::{cmp::Reverse, collections::BTreeSet, ops::Range};

use super::{
    stop_words::is_stop_word,
    words::{STEM_CHARS_MIN, Word, words},
};

/// The most words of a query that are looked for.
pub(super) const WORDS_MAX: usize = 16;
/// The most words of a query that are looked up in an index. Whether a message has the others is seen when it is read.
const INDEXED_WORDS_MAX: usize = 3;
/// A shorter word is not found as the beginning of a longer one, because it begins too many.
const PREFIX_CHARS_MIN: usize = 2;

/// A shorter stem is not found as the beginning of a word.
pub(super) const STEM_PREFIX_CHARS_MIN: usize = 4;

/// A parsed query.
#[derive(Debug)]
pub(super) struct Query {
    terms: Vec<Term>,
}

/// A part of a query.
#[derive(Debug)]
enum Term {
    Word(Box<Word>),
    /// Words that follow one another.
    Phrase(Vec<Word>),
}

/// How a word of a text matches one of a query, the better the higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Quality {
    /// It begins with the word.
    Prefix = 1,
    /// It is another form of the word.
    Stem = 2,
    /// It is the word without its accents.
    Plain = 3,
    /// It is the word.
    Exact = 4,
}

/// A text that matches a query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// How well it matches, the better the higher.
    pub(super) score: usize,
    /// The parts of the text that match, in bytes, in their order and without overlaps.
    pub(super) marks: Vec<Range<usize>>,
}

impl Query {
    /// Parses a query. `None` if it has no word.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut terms = Vec::new();
        let (mut left, mut stop_words) = (WORDS_MAX, Vec::new());
        // Every other part is in quotes; a quote that is never closed quotes the rest.
        for (n, part) in text.split(['"', '“', '”', '„']).enumerate() {
            let mut found = words(part);
            found.truncate(left);
            left -= found.len();
            if n % 2 == 1 && found.len() > 1 {
                terms.push(Term::Phrase(found));
                continue;
            }
            for word in found {
                let is_stop_word = is_stop_word(&word.plain);
                let term = Term::Word(Box::new(word));
                if is_stop_word { stop_words.push(term) } else { terms.push(term) }
            }
        }
        if terms.is_empty() {
            terms = stop_words;
        }
        (!terms.is_empty()).then_some(Self { terms })
    }

    /// The words by which messages are looked up in an index, as far as it has them: of those that every message must have,
    /// the longest ones, because they are rare. Empty if all words say little.
    pub(super) fn indexed_words(&self) -> Vec<&Word> {
        let words = self.terms.iter().flat_map(|term| match term {
            Term::Word(word) => std::slice::from_ref(&**word),
            Term::Phrase(words) => words,
        });
        let mut words: Vec<_> = words.filter(|word| !is_stop_word(&word.plain)).collect();
        words.sort_by_key(|word| Reverse(word.plain.chars().count()));
        let mut seen = BTreeSet::new();
        words.retain(|word| seen.insert(&word.plain));
        // A shorter word may be the beginning of a longer one, which is indexed elsewhere.
        let long = words.iter().take_while(|word| word.plain.chars().count() >= STEM_CHARS_MIN).count();
        words.truncate(long.clamp(1, INDEXED_WORDS_MAX));
        words
    }

    /// How a text matches; `None` if it does not.
    pub(super) fn matches(&self, text: &str) -> Option<Match> {
        let words = words(text);
        let (mut score, mut marks) = (0, Vec::new());
        for term in &self.terms {
            score += term.find(&words, &mut marks)?;
        }
        marks.sort_by_key(|mark| (mark.start, mark.end));
        marks.dedup_by(|later, earlier| {
            let overlaps = later.start < earlier.end;
            if overlaps {
                earlier.end = earlier.end.max(later.end);
            }
            overlaps
        });
        Some(Match { score, marks })
    }
}

impl Term {
    /// Adds where the term is in a text. Returns how well it matches best; `None` if it is not there.
    fn find(&self, words: &[Word], marks: &mut Vec<Range<usize>>) -> Option<usize> {
        match self {
            Self::Word(wanted) => {
                let found = words.iter().filter_map(|word| Some((quality(wanted, word)?, word)));
                let mut best = None;
                for (quality, word) in found {
                    marks.push(word.place.clone());
                    best = best.max(Some(quality));
                }
                best.map(|quality| quality as usize)
            }
            Self::Phrase(wanted) => {
                let is_here = |window: &&[Word]| {
                    window.iter().zip(wanted).all(|(word, wanted)| word.plain == wanted.plain)
                };
                let found = words.windows(wanted.len()).filter(is_here);
                let mut places = found
                    .filter_map(|window| Some(window.first()?.place.start..window.last()?.place.end))
                    .peekable();
                places.peek()?;
                marks.extend(places);
                Some(Quality::Exact as usize * wanted.len())
            }
        }
    }
}

/// Whether a word of a text is one of a query in some form.
pub(super) fn is_found(wanted: &Word, word: &Word) -> bool {
    quality(wanted, word).is_some()
}

/// How a word of a text matches one of a query; `None` if it does not.
fn quality(wanted: &Word, word: &Word) -> Option<Quality> {
    if word.folded == wanted.folded {
        Some(Quality::Exact)
    } else if word.plain == wanted.plain {
        Some(Quality::Plain)
    } else if wanted.resembles(word)
        && wanted.stems().iter().zip(word.stems()).any(|(wanted, stem)| wanted == stem)
    {
        Some(Quality::Stem)
    } else if begins(wanted, word) {
        Some(Quality::Prefix)
    } else {
        None
    }
}

/// Whether a word of a text begins with one of a query, or with its stem in some language.
fn begins(wanted: &Word, word: &Word) -> bool {
    let begins =
        |text: &str, chars_min: usize| word.plain.starts_with(text) && text.chars().count() >= chars_min;
    begins(&wanted.plain, PREFIX_CHARS_MIN)
        || wanted.stems().iter().any(|stem| begins(stem, STEM_PREFIX_CHARS_MIN))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The parts of a text that match a query; `None` if the text does not.
    fn marked(query: &str, text: &str) -> Option<Vec<String>> {
        let found = Query::parse(query).unwrap().matches(text)?;
        Some(found.marks.into_iter().map(|mark| text[mark].to_owned()).collect())
    }

    fn score(query: &str, text: &str) -> usize {
        Query::parse(query).unwrap().matches(text).map_or(0, |found| found.score)
    }

    #[test]
    fn all_words_must_be_there_in_some_form() {
        let text = "We refunded both invoices yesterday.";
        assert_eq!(marked("refund invoice", text).unwrap(), ["refunded", "invoices"]);
        assert_eq!(marked("yester", text).unwrap(), ["yesterday"]);
        assert_eq!(marked("refund payment", text), None);
        assert_eq!(marked("the invoice", text).unwrap(), ["invoices"], "`the` need not be there");
        assert_eq!(marked("the", "over the top").unwrap(), ["the"], "unless it is all that is asked for");
    }

    #[test]
    fn a_phrase_is_found_as_it_is_written() {
        let text = "Your free trial ends; the trial was free.";
        assert_eq!(marked("\"free trial\"", text).unwrap(), ["free trial"]);
        assert_eq!(marked("\"trial free\"", text), None);
        assert_eq!(marked("“Free Trial” ends", text).unwrap(), ["free trial", "ends"]);
        assert_eq!(
            marked("\"trial was free", text).unwrap(),
            ["trial was free"],
            "a quote that is not closed"
        );
    }

    #[test]
    fn the_better_match_has_the_higher_score() {
        let best_first = ["résumé", "resume", "résumés", "resumewriter"];
        let scores = best_first.map(|text| score("résumé", text));
        assert!(scores.is_sorted_by(|better, worse| better > worse), "{scores:?}");
        assert_eq!(score("cat", "cart"), 0);
        assert_eq!(score("a", "abc"), 0, "one letter begins too much");
    }

    #[test]
    fn messages_are_looked_up_by_the_longest_words() {
        let words = |query| {
            let query = Query::parse(query).unwrap();
            query.indexed_words().into_iter().map(|word| word.plain.clone()).collect::<Vec<_>>()
        };
        assert_eq!(words("re refund \"the late invoice\" plan"), ["invoice", "refund", "late"]);
        assert_eq!(words("re vu"), ["re"], "which begins words that are indexed elsewhere");
        assert_eq!(words("the"), Vec::<String>::new());
        assert_eq!(words("refund Refund"), ["refund"]);
    }

    #[test]
    fn a_query_without_words_finds_nothing() {
        for query in ["", " ", "\"\"", "👍", "?!"] {
            assert!(Query::parse(query).is_none(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn marks_are_parts_of_the_text_in_order(query in "\\PC{1,30}", text in "\\PC{0,60}") {
            let found = Query::parse(&query).and_then(|query| query.matches(&text));
            let marks = found.map_or(Vec::new(), |found| found.marks);
            prop_assert!(marks.iter().all(|mark| !text[mark.clone()].is_empty()));
            prop_assert!(marks.windows(2).all(|pair| pair[0].end <= pair[1].start));
        }

        #[test]
        fn every_word_of_a_text_finds_it(text in "[a-zäöüéñç]{1,8}( [a-zäöüéñç]{1,8}){0,5}") {
            for word in text.split(' ') {
                prop_assert!(Query::parse(word).unwrap().matches(&text).is_some(), "{}", word);
            }
        }
    }
}
