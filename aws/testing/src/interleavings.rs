//! The steps of two operations, in every order.

/// Which operation takes the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The first one.
    Left,
    /// The second one.
    Right,
}

/// All orders of this many steps of the two.
pub fn orders(left: usize, right: usize) -> Vec<Vec<Turn>> {
    if left == 0 && right == 0 {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for (turn, left, right) in
        [(Turn::Left, left.checked_sub(1), Some(right)), (Turn::Right, Some(left), right.checked_sub(1))]
    {
        let (Some(left), Some(right)) = (left, right) else { continue };
        all.extend(orders(left, right).into_iter().map(|rest| [vec![turn], rest].concat()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_orders_as_there_are_ways_to_choose() {
        assert_eq!(orders(1, 1), [[Turn::Left, Turn::Right], [Turn::Right, Turn::Left]]);
        assert_eq!(orders(3, 2).len(), 10);
    }
}
