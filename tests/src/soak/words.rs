//! The texts of messages: random letters and, in some of them, words that a search must find.

use std::ops::Range;

use rand::RngExt as _;
use rand::rngs::StdRng;

/// The words. None is the beginning or a form of another, and random letters hardly ever form one.
pub(super) const WORDS: [&str; 4] = ["lighthouse", "marzipan", "quicksand", "whirlpool"];
/// The share of texts that contain a given word.
const HAS_WORD: f64 = 0.08;

/// The queries of the searches: each word alone, and two of them together.
pub(super) fn queries() -> impl Iterator<Item = String> {
    WORDS.into_iter().map(str::to_owned).chain([format!("{} {}", WORDS[0], WORDS[1])])
}

/// A random text: some of the words, then usually letters. Some texts consist of characters whose size JSON doubles, which just
/// fit into a frame of 32 KiB.
pub(super) fn text(random: &mut StdRng, bytes: Range<usize>) -> String {
    let mut text = String::new();
    for word in WORDS {
        if random.random_bool(HAS_WORD) {
            text.push_str(word);
            text.push(' ');
        }
    }
    let length = random.random_range(bytes);
    if random.random_bool(0.1) {
        return text + &"\n".repeat(length);
    }
    text.extend((0..length).map(|_| char::from(random.random_range(b'a'..=b'z'))));
    text
}

/// Whether a text contains all words of a query.
pub(super) fn has_words(text: &str, query: &str) -> bool {
    query.split(' ').all(|word| text.split_whitespace().any(|other| other == word))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn some_texts_have_some_words_and_few_have_two() {
        let mut random = StdRng::seed_from_u64(1);
        let texts: Vec<String> = (0..1_000).map(|_| text(&mut random, 1..200)).collect();
        let counts: Vec<usize> =
            queries().map(|query| texts.iter().filter(|text| has_words(text, &query)).count()).collect();
        assert!(counts[..WORDS.len()].iter().all(|count| (40..160).contains(count)), "{counts:?}");
        assert!((1..30).contains(&counts[WORDS.len()]), "{counts:?}");
    }
}
