//! Words that say little: articles, pronouns, prepositions, conjunctions and auxiliary verbs.

/// The words, without accents, of the languages that [`words`](super::words) knows; sorted.
const STOP_WORDS: &[&str] = &[
    "a", "aber", "about", "ai", "al", "als", "am", "an", "and", "ao", "aos", "are", "as", "at", "au", "auf",
    "aus", "aux", "avec", "be", "bei", "bin", "bist", "but", "by", "can", "ce", "ces", "com", "como", "con",
    "da", "dans", "das", "dass", "de", "del", "dem", "den", "der", "des", "did", "die", "do", "does", "dos",
    "du", "e", "ein", "eine", "einem", "einen", "einer", "el", "em", "en", "er", "es", "est", "esta", "et",
    "etre", "eu", "for", "from", "fur", "ha", "habe", "haben", "had", "has", "hat", "have", "how", "i",
    "ich", "ihr", "il", "ils", "im", "in", "is", "ist", "it", "je", "kann", "la", "las", "le", "les", "lo",
    "los", "me", "mi", "mir", "mit", "mon", "my", "na", "nas", "ne", "nicht", "no", "nos", "not", "nous",
    "o", "of", "on", "or", "os", "ou", "para", "pas", "por", "pour", "que", "qui", "se", "sie", "sind", "so",
    "son", "su", "sur", "te", "that", "the", "they", "this", "to", "tu", "um", "un", "una", "und", "une",
    "uns", "von", "vous", "was", "we", "were", "wie", "will", "wir", "wird", "with", "y", "you", "your",
    "zu", "zum",
];

/// Whether a word, without accents, says little.
pub(super) fn is_stop_word(plain: &str) -> bool {
    STOP_WORDS.binary_search(&plain).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted(), "{:?}", STOP_WORDS.windows(2).find(|pair| pair[0] > pair[1]));
        assert!(is_stop_word("the") && !is_stop_word("refund"));
    }
}
