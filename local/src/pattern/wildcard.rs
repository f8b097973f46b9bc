//! The operator `wildcard`: a string in which `*` stands for any number of characters.

use anyhow::{Result, bail, ensure};

/// The string, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wildcard(Vec<Glob>);

/// A character of a wildcard, or the `*` that stands for any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Glob {
    Char(char),
    Any,
}

impl Wildcard {
    /// `*` is any number of characters; `\*` and `\\` are themselves.
    pub(super) fn parse(pattern: &str) -> Result<Self> {
        let mut globs = Vec::with_capacity(pattern.len());
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let glob = match character {
                '*' => Glob::Any,
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => Glob::Char(escaped),
                    _ => bail!("a backslash stands before * or a backslash"),
                },
                other => Glob::Char(other),
            };
            ensure!(glob != Glob::Any || globs.last() != Some(&Glob::Any), "** is not allowed");
            globs.push(glob);
        }
        Ok(Self(globs))
    }

    /// Linear but for the last `*`, to which it returns when what follows does not match.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Self(pattern) = self;
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut seen) = (0, 0);
        let mut retry = None;
        while seen < text.len() {
            match pattern.get(at) {
                Some(Glob::Any) => {
                    retry = Some((at + 1, seen));
                    at += 1;
                }
                Some(Glob::Char(wanted)) if *wanted == text[seen] => {
                    at += 1;
                    seen += 1;
                }
                _ => {
                    let Some((after_star, from)) = retry else { return false };
                    at = after_star;
                    seen = from + 1;
                    retry = Some((after_star, seen));
                }
            }
        }
        pattern[at..].iter().all(|glob| *glob == Glob::Any)
    }
}
