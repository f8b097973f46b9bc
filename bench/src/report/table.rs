//! Text tables: columns are as wide as needed, the first one aligned to the left, figures to the right.

use std::fmt;

/// A table. Without rows it is displayed as an empty text.
pub(super) struct Table<const N: usize> {
    head: [String; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(head: &[&str; N]) -> Self {
        Self { head: head.map(str::to_owned), rows: Vec::new() }
    }

    pub(super) fn row(&mut self, row: [String; N]) {
        self.rows.push(row);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        let lines = || std::iter::once(&self.head).chain(&self.rows);
        let width =
            |column: usize| lines().map(|line| line[column].chars().count()).max().unwrap_or_default();
        let widths: [usize; N] = std::array::from_fn(width);
        for line in lines() {
            let mut cells = line.iter().zip(widths);
            if let Some((first, width)) = cells.next() {
                write!(f, "{first:<width$}")?;
            }
            for (cell, width) in cells {
                write!(f, "  {cell:>width$}")?;
            }
            writeln!(f)?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_an_empty_table_is_nothing() {
        let mut table = Table::new(&["by", "us"]);
        assert_eq!(table.to_string(), "");
        table.row(["ours".to_owned(), "9.5".to_owned()]);
        table.row(["sdk".to_owned(), "63.1".to_owned()]);
        assert_eq!(table.to_string(), "by      us\nours   9.5\nsdk   63.1\n\n");
    }
}
