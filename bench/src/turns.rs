//! Measuring contestants in turns: each has several turns, and their median counts. So whatever else the machine does meanwhile
//! affects all of them.

use anyhow::Result;

/// Gives every contestant this many turns, one at a time, in another order each time. Returns the turns of each, in the order of
/// `contestants`.
pub(crate) async fn in_turns<C, T>(
    contestants: &[C],
    turns: usize,
    take_turn: impl AsyncFn(&C) -> Result<T>,
) -> Result<Vec<Vec<T>>> {
    let mut taken: Vec<Vec<T>> = contestants.iter().map(|_| Vec::with_capacity(turns)).collect();
    for turn in 0..turns {
        for offset in 0..contestants.len() {
            let place = (turn + offset) % contestants.len();
            taken[place].push(take_turn(&contestants[place]).await?);
        }
    }
    Ok(taken)
}

/// The middle value, or the mean of the two in the middle; 0 if there are none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        None => 0.0,
        Some(upper) if values.len() % 2 == 1 => *upper,
        Some(upper) => f64::midpoint(values[middle - 1], *upper),
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "no figure is computed here that could be a little off")]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn nobody_is_always_the_first() {
        let order = RefCell::new(String::new());
        let taken = in_turns(&['a', 'b', 'c'], 3, async |contestant| {
            order.borrow_mut().push(*contestant);
            Ok(order.borrow().len())
        });
        assert_eq!(taken.await.unwrap(), [[1, 6, 8], [2, 4, 9], [3, 5, 7]]);
        assert_eq!(order.into_inner(), "abcbcacab");
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median(std::iter::empty()), 0.0);
    }
}
