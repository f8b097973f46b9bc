//! What a search treats as equal: what a person would, regardless of letter case and of how the letters are encoded.
//!
//! This is Unicode's compatibility caseless matching (D146 in chapter 3.13 of the standard): `ΟΔΟΣ` and `οδος`,
//! `STRASSE` and `Straße`, an `é` of one code point and of two, and `ﬁ` and `fi`.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};

/// The text in the form that all texts equal to it share.
pub fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let (nfd, nfkc) = (DecomposingNormalizer::new_nfd(), ComposingNormalizer::new_nfkc());
    let fold = |text: &str| nfkc.normalize(&CaseMapper::new().fold_string(text)).into_owned();
    Cow::Owned(fold(&fold(&nfd.normalize(text))))
}

/// A folded text without accents: `schön` as `schon`, as people type who have no such key.
pub fn without_accents(folded: &str) -> Cow<'_, str> {
    if folded.is_ascii() {
        return Cow::Borrowed(folded);
    }
    let decomposed = DecomposingNormalizer::new_nfd().normalize(folded);
    Cow::Owned(decomposed.chars().filter(|char| !('\u{300}'..='\u{36f}').contains(char)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_matches_as_a_person_would_compare_it() {
        for (one, other) in [
            ("ΟΔΟΣ", "οδος"),
            ("ΟΔΟΣ", "οδοσ"),
            ("STRASSE", "Straße"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("\u{fb01}n", "FIN"),
            ("\u{ff21}\u{ff22}", "ab"),
            ("İstanbul", "i\u{307}stanbul"),
            ("ПРИВЕТ", "привет"),
        ] {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("schon"), folded("schön"), "an accent is a difference");
    }

    #[test]
    fn a_text_without_accents() {
        for (folded, plain) in [
            ("café", "cafe"),
            ("straße", "straße"),
            ("ação", "acao"),
            ("ñandú", "nandu"),
            ("привет", "привет"),
        ] {
            assert_eq!(without_accents(folded), plain);
        }
    }

    proptest! {
        #[test]
        fn what_is_folded_stays_so(text in "\\PC{0,40}") {
            let once = folded(&text).into_owned();
            prop_assert_eq!(folded(&once), once.as_str());
        }
    }
}
