//! The words of a text, in the forms by which a search compares them.

use std::{ops::Range, sync::OnceLock};

use frostem::{Algorithm, Stemmer};
use funnelcast_core::fold::{folded, without_accents};
use unicode_segmentation::UnicodeSegmentation;

/// The languages whose words are recognised in their other forms. Words of other languages are found as they are written,
/// and by their beginnings.
const LANGUAGES: [Algorithm; 5] =
    [Algorithm::English, Algorithm::German, Algorithm::Spanish, Algorithm::French, Algorithm::Portuguese];

/// Two words of the same stem begin with this many equal letters, accents aside.
pub(super) const STEM_CHARS_MIN: usize = 3;

/// The stems of a word, one for each language.
pub(super) type Stems = [String; LANGUAGES.len()];

/// A word of a text.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// Its place in the text, in bytes.
    pub(super) place: Range<usize>,
    /// As it is compared: without differences of case and encoding.
    pub(super) folded: String,
    /// The same without accents.
    pub(super) plain: String,
    stems: OnceLock<Stems>,
}

/// The words of a text, by the rules of Unicode for word boundaries (<https://www.unicode.org/reports/tr29/>).
pub(super) fn words(text: &str) -> Vec<Word> {
    let words = text.unicode_word_indices().map(|(at, word)| {
        let skipped = elided(word);
        Word::of(at + skipped, &word[skipped..])
    });
    words.collect()
}

/// The length of what is written before an apostrophe but is a word of its own: the article in `l'abonnement`.
fn elided(word: &str) -> usize {
    let Some((article, rest)) = word.split_once(['\'', '’']) else { return 0 };
    if article.chars().count() <= 2 && rest.chars().count() >= STEM_CHARS_MIN {
        word.len() - rest.len()
    } else {
        0
    }
}

impl Word {
    /// The word at this place.
    pub(super) fn of(at: usize, word: &str) -> Self {
        let folded = folded(word).into_owned();
        let plain = without_accents(&folded).into_owned();
        Self { place: at..at + word.len(), folded, plain, stems: OnceLock::new() }
    }

    /// The stems of the word, without accents. They are found when they are first asked for.
    pub(super) fn stems(&self) -> &Stems {
        let stems = || {
            LANGUAGES.map(|language| without_accents(&Stemmer::new(language).stem(&self.folded)).into_owned())
        };
        self.stems.get_or_init(stems)
    }

    /// Whether the word may have a stem in common with another one.
    pub(super) fn resembles(&self, other: &Self) -> bool {
        let begins = |word: &Self| word.plain.chars().take(STEM_CHARS_MIN).collect::<String>();
        let begin = begins(self);
        begin.chars().count() == STEM_CHARS_MIN && begin == begins(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.plain).collect()
    }

    #[test]
    fn a_text_has_words() {
        assert_eq!(
            plain("Don't panic: l'abonnement, d’Été & e-mail 24/7!"),
            ["don't", "panic", "abonnement", "ete", "e", "mail", "24", "7"]
        );
        assert_eq!(plain("👍 🎉"), Vec::<String>::new());
        let text = "d’Été";
        assert_eq!(&text[words(text)[0].place.clone()], "Été");
    }

    #[test]
    fn forms_of_a_word_share_a_stem() {
        for (one, other) in [
            ("refund", "refunds"),
            ("cancel", "cancelling"),
            ("Rechnung", "Rechnungen"),
            ("Haus", "Häuser"),
            ("factura", "facturas"),
            ("paiement", "paiements"),
            ("assinatura", "assinaturas"),
        ] {
            let [one, other] = [one, other].map(|text| words(text).remove(0));
            let shared = one.stems().iter().zip(other.stems()).any(|(one, other)| one == other);
            assert!(shared && one.resembles(&other), "{one:?} {other:?}");
        }
    }
}
