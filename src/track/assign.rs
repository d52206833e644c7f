//! Who is who: the cheapest one-to-one pairing of two small groups.
//!
//! The Hungarian method in its shortest-path form, cubic in the smaller group; groups here are a few plates.
//! What a pairing costs, and which are impossible, the caller says.

/// Stands for "impossible": larger than any sum of possible costs, small enough to be added up.
const IMPOSSIBLE: f32 = 1e4;

/// For each row the column that it is paired with. `cost` says what a pair costs (0 to about 10), or `None` if
/// it cannot be. As many rows as possible are paired; among these pairings the cheapest is taken.
pub(super) fn assign(
    rows: usize,
    columns: usize,
    cost: &dyn Fn(usize, usize) -> Option<f32>,
) -> Vec<Option<usize>> {
    if rows == 0 || columns == 0 {
        return vec![None; rows];
    }
    if rows > columns {
        let turned = assign(columns, rows, &|c, r| cost(r, c));
        let mut result = vec![None; rows];
        for (column, row) in turned.into_iter().enumerate() {
            if let Some(slot) = row.and_then(|row| result.get_mut(row)) {
                *slot = Some(column);
            }
        }
        return result;
    }
    let price = |r: usize, c: usize| cost(r, c).filter(|p| p.is_finite()).unwrap_or(IMPOSSIBLE);
    let owner = shortest_paths(rows, columns, &price);
    let mut result = vec![None; rows];
    for (column, &row) in owner.iter().enumerate().skip(1) {
        if row > 0
            && cost(row - 1, column - 1).is_some()
            && let Some(slot) = result.get_mut(row - 1)
        {
            *slot = Some(column - 1);
        }
    }
    result
}

/// Per column (from 1; 0 is a helper) the row that owns it (from 1; 0 is nobody). Needs `rows <= columns`.
fn shortest_paths(rows: usize, columns: usize, price: &dyn Fn(usize, usize) -> f32) -> Vec<usize> {
    let mut row_level = vec![0.0f32; rows + 1];
    let mut column_level = vec![0.0f32; columns + 1];
    let mut owner = vec![0usize; columns + 1];
    let mut came_from = vec![0usize; columns + 1];
    for row in 1..=rows {
        owner[0] = row;
        let mut at = 0;
        let mut reach = vec![f32::INFINITY; columns + 1];
        let mut done = vec![false; columns + 1];
        // Ends after at most `columns + 1` rounds: each marks one more column as done.
        while owner[at] != 0 {
            done[at] = true;
            let from = owner[at];
            let (mut nearest, mut step) = (0, f32::INFINITY);
            for column in 1..=columns {
                if done[column] {
                    continue;
                }
                let further = price(from - 1, column - 1) - row_level[from] - column_level[column];
                if further < reach[column] {
                    reach[column] = further;
                    came_from[column] = at;
                }
                if reach[column] < step {
                    (nearest, step) = (column, reach[column]);
                }
            }
            for column in 0..=columns {
                if done[column] {
                    row_level[owner[column]] += step;
                    column_level[column] -= step;
                } else {
                    reach[column] -= step;
                }
            }
            at = nearest;
        }
        while at != 0 {
            let before = came_from[at];
            owner[at] = owner[before];
            at = before;
        }
    }
    owner
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(costs: &[&[f32]]) -> Vec<Option<usize>> {
        let columns = costs.first().map_or(0, |r| r.len());
        assign(costs.len(), columns, &|r, c| Some(costs[r][c]).filter(|&p| p < 100.0))
    }

    #[test]
    fn the_cheapest_pairing_is_not_always_everybody_s_first_choice() {
        assert_eq!(pairs(&[&[1.0, 2.0], &[1.0, 9.0]]), [Some(1), Some(0)]);
    }

    #[test]
    fn the_impossible_stays_unpaired() {
        assert_eq!(pairs(&[&[999.0, 999.0], &[1.0, 2.0]]), [None, Some(0)]);
        assert_eq!(pairs(&[&[1.0], &[0.5], &[999.0]]), [None, Some(0), None]);
        assert_eq!(assign(2, 0, &|_, _| Some(1.0)), [None, None]);
        assert!(assign(0, 3, &|_, _| Some(1.0)).is_empty());
    }

    /// All pairings, tried one by one: most pairs first, then least cost.
    fn best(costs: &[Vec<Option<f32>>], row: usize, used: u32) -> (usize, f32) {
        let Some(line) = costs.get(row) else { return (0, 0.0) };
        let mut top = best(costs, row + 1, used);
        for (c, price) in line.iter().enumerate() {
            if let Some(price) = price.filter(|_| used & (1 << c) == 0) {
                let (n, sum) = best(costs, row + 1, used | (1 << c));
                if n + 1 > top.0 || (n + 1 == top.0 && sum + price < top.1) {
                    top = (n + 1, sum + price);
                }
            }
        }
        top
    }

    proptest! {
        #[test]
        fn no_other_pairing_is_better(
            costs in (1usize..5, 1usize..5).prop_flat_map(|(r, c)| prop::collection::vec(
                prop::collection::vec(prop::option::weighted(0.7, 0.0f32..9.0), c..=c), r..=r)),
        ) {
            let got = assign(costs.len(), costs[0].len(), &|r, c| costs[r][c]);
            let mut seen = std::collections::HashSet::new();
            let (mut n, mut sum) = (0, 0.0);
            for (r, c) in got.iter().enumerate().filter_map(|(r, c)| c.map(|c| (r, c))) {
                prop_assert!(seen.insert(c));
                n += 1;
                sum += costs[r][c].unwrap();
            }
            let (want_n, want_sum) = best(&costs, 0, 0);
            prop_assert_eq!(n, want_n);
            prop_assert!((sum - want_sum).abs() < 0.05, "{} for {}", sum, want_sum);
        }
    }
}
