//! Where the data of a file with holes lies: its extents, one after the other, are the stream that
//! is cut into chunks.

use crate::error::Result;
use std::ops::Range;

/// Most extents that an entry names: two MiB of its page. Where a file has more, its smallest holes
/// are taken for zeros.
pub const MOST: usize = 1 << 17;

/// Extents in order, each with where it begins in the stream.
pub struct Runs {
    rows: Vec<(u64, u64, u64)>,
}

impl Runs {
    /// From (offset in the file, length) in order.
    pub fn new(extents: Vec<(u64, u64)>) -> Runs {
        let mut start = 0;
        let row = |(at, length)| {
            start += length;
            (start - length, at, length)
        };
        Runs { rows: extents.into_iter().map(row).collect() }
    }

    /// (offset in the file, length) of each.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.rows.iter().map(|(_, at, length)| (*at, *length))
    }

    /// Where the last extent ends in the file.
    pub fn end(&self) -> u64 {
        self.rows.last().map_or(0, |(_, at, length)| at + length)
    }

    /// Calls `act(offset in the file, range of the part)` for each run of a part of the stream.
    pub fn each(
        &self,
        offset: u64,
        length: usize,
        act: &mut dyn FnMut(u64, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let end = offset + length as u64;
        let first = self.rows.partition_point(|(start, _, length)| start + length <= offset);
        for (start, at, length) in self.rows[first..].iter().take_while(|row| row.0 < end) {
            let (from, to) = (offset.max(*start), end.min(start + length));
            act(at + from - start, (from - offset) as usize..(to - offset) as usize)?;
        }
        Ok(())
    }
}

/// Joins extents across the smallest holes until at most `most` are left.
pub fn fewer(extents: &mut Vec<(u64, u64)>, most: usize) {
    let Some(surplus) = extents.len().checked_sub(most).filter(|n| *n > 0) else { return };
    let gap = |a: &(u64, u64), b: &(u64, u64)| b.0 - a.0 - a.1;
    let mut gaps: Vec<u64> = extents.windows(2).map(|w| gap(&w[0], &w[1])).collect();
    let (below, widest, _) = gaps.select_nth_unstable(surplus - 1);
    // Of holes just as wide as the widest that must go, the first ones go.
    let widest = *widest;
    let mut ties = surplus - below.iter().filter(|g| **g < widest).count();
    extents.dedup_by(|next, last| {
        let hole = gap(last, next);
        let tie = hole == widest && ties > 0;
        if tie {
            ties -= 1;
        }
        if hole < widest || tie {
            last.1 = next.0 + next.1 - last.0;
        }
        hole < widest || tie
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_stream_meets_each_run_it_lies_in() {
        let runs = Runs::new(vec![(10, 5), (20, 1), (100, 50)]);
        let mut seen = vec![];
        runs.each(3, 10, &mut |at, range| {
            seen.push((at, range));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, [(13, 0..2), (20, 2..3), (100, 3..10)]);
        assert_eq!(runs.end(), 150);
    }

    #[test]
    fn the_smallest_holes_are_filled_until_few_extents_are_left() {
        let list = vec![(0, 4), (8, 4), (100, 4), (106, 4), (112, 4), (200, 1)];
        let left = |most| {
            let mut extents = list.clone();
            fewer(&mut extents, most);
            extents
        };
        assert_eq!(left(6), list);
        assert_eq!(left(5), [(0, 4), (8, 4), (100, 10), (112, 4), (200, 1)]);
        assert_eq!(left(4), [(0, 4), (8, 4), (100, 16), (200, 1)]);
        assert_eq!(left(3), [(0, 12), (100, 16), (200, 1)]);
        assert_eq!(left(1), [(0, 201)]);
    }
}
