//! Horizontal bars. Pure.

/// The characters that fill the left one to seven eighths of a cell.
const EIGHTHS: [char; 7] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// The bar for a count, and the number of cells that it leaves free. The greatest count fills all the room. A
/// bar is empty only if there is no room or the count is zero. Only full blocks are cut into eighths.
pub(crate) fn bar(count: u64, most: u64, room: usize, fill: char) -> (String, usize) {
    let (count, most, room) = (u128::from(count), u128::from(most.max(1)), room as u128);
    let eighths = if count == 0 || room == 0 { 0 } else { (count * room * 8 / most).max(1) };
    let (whole, rest) = (eighths / 8, eighths % 8);
    let cells = usize::try_from(whole).unwrap_or(usize::MAX);
    let mut bar = fill.to_string().repeat(cells);
    let is_cut = fill == '█';
    if let Some(index) = usize::try_from(rest).ok().and_then(|rest| rest.checked_sub(1)) {
        if is_cut {
            bar.push(EIGHTHS[index]);
        } else if bar.is_empty() {
            bar.push(fill);
        }
    }
    let drawn = bar.chars().count();
    (bar, usize::try_from(room).unwrap_or(0).saturating_sub(drawn))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A bar fills at most its room, and is empty only for a count of zero.
        #[test]
        fn a_bar_fills_at_most_its_room(count in any::<u64>(), more in any::<u64>(), room in 1_usize..200) {
            let most = count.saturating_add(more);
            for fill in ['█', '×'] {
                let (drawn, rest) = bar(count, most, room, fill);
                prop_assert_eq!(drawn.chars().count() + rest, room);
                prop_assert_eq!(drawn.is_empty(), count == 0);
            }
        }
    }

    #[test]
    fn bars_end_in_eighths() {
        assert_eq!(bar(8, 8, 4, '█'), ("████".to_owned(), 0));
        assert_eq!(bar(3, 8, 4, '█'), ("█▌".to_owned(), 2));
        assert_eq!(bar(1, 1_000, 4, '█'), ("▏".to_owned(), 3));
        assert_eq!(bar(1, 1_000, 4, '×'), ("×".to_owned(), 3));
        assert_eq!(bar(0, 8, 4, '█'), (String::new(), 4));
    }
}
