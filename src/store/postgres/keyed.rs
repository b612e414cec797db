//! The keys of a request and what they have got, as PostgreSQL's arrays. Pure functions of bytes.
//!
//! An array is, in binary: how many dimensions, flags, the type of its elements, then of each
//! dimension its length and where it begins, then of each element its length and its bytes.

use crate::limits::LIMIT_MAX;
use crate::store::keys::{self, Key, KeyedNumber};

use super::statement::{INT8, TEXT};

/// The keys as an array of texts.
pub fn texts(keys: &[Key]) -> Vec<u8> {
    let (dimensions, flags, begins_at) = (1, 0, 1);
    let mut bytes = Vec::with_capacity(HEAD_BYTES + keys.len() * (4 + UUID_BYTES));
    for field in [dimensions, flags, TEXT, keys.len() as u32, begins_at] {
        bytes.extend(field.to_be_bytes());
    }
    for key in keys {
        bytes.extend((key.as_str().len() as u32).to_be_bytes());
        bytes.extend(key.as_str().as_bytes());
    }
    bytes
}

/// What each of so many keys has got, by an array of pairs: a new number, with a minus one that it
/// had, or 0, and the number's epoch. New ones stand before `first`, without a gap. `None`: it is
/// no such array.
pub fn numbers(array: &[u8], keys: usize, first: u64) -> Option<Box<[KeyedNumber]>> {
    let (head, elements) = array.split_at_checked(PAIRS_HEAD_BYTES)?;
    let (head, rest) = head.as_chunks::<4>();
    let head = <[_; 7]>::try_from(head).ok()?.map(u32::from_be_bytes);
    let [2, _, INT8, length, _, 2, _] = head else {
        return None;
    };
    let (pairs, rest_of_pairs) = elements.as_chunks::<{ 2 * ELEMENT_BYTES }>();
    let is_whole = rest.is_empty() && rest_of_pairs.is_empty();
    if !is_whole || length as usize != keys || pairs.len() != keys {
        return None;
    }
    let keyed: Box<[_]> = pairs.iter().map(keyed_number).collect::<Option<_>>()?;
    let mut next = first.checked_sub(keys::granted_to(&keyed)).filter(|next| *next >= 1)?;
    for number in &keyed {
        match number {
            KeyedNumber::Granted(number) if *number != next => return None,
            KeyedNumber::Granted(_) => next += 1,
            _ => {}
        }
    }
    Some(keyed)
}

/// Whether there is nothing in the array, as in the row of another epoch.
pub fn is_empty(array: &[u8]) -> bool {
    array.len() < PAIRS_HEAD_BYTES
}

fn keyed_number(pair: &[u8; 2 * ELEMENT_BYTES]) -> Option<KeyedNumber> {
    let (elements, _) = pair.as_chunks::<ELEMENT_BYTES>();
    let [shown, epoch] = <[_; 2]>::try_from(elements).ok()?.map(element);
    let (shown, epoch) = (shown?, u64::try_from(epoch?).ok()?);
    let number = shown.unsigned_abs();
    let keyed = match shown {
        0 => KeyedNumber::NoneLeft,
        1.. => KeyedNumber::Granted(number),
        _ => KeyedNumber::Replayed { number, epoch },
    };
    (number <= LIMIT_MAX).then_some(keyed)
}

fn element(bytes: [u8; ELEMENT_BYTES]) -> Option<i64> {
    let [0, 0, 0, 8, number @ ..] = bytes else {
        return None;
    };
    Some(i64::from_be_bytes(number))
}

/// What the keys of a request had got when it ran before, in this epoch, by what they have `now`:
/// the `granted` numbers before `first` were new then. `None`: not all of those are found, as by
/// one who looked for them before they were there.
pub fn first_answer(
    now: &[KeyedNumber],
    first: u64,
    granted: u64,
    epoch: u64,
) -> Option<Box<[KeyedNumber]>> {
    let mut next = first.checked_sub(granted)?;
    let is_of = |number, of_epoch, next| number == next && next < first && of_epoch == epoch;
    let as_it_was = |keyed: &KeyedNumber| match *keyed {
        // In the order of the keys, and so of the numbers; the same key once more was a replay.
        KeyedNumber::Replayed { number, epoch } if is_of(number, epoch, next) => {
            next += 1;
            KeyedNumber::Granted(number)
        }
        keyed => keyed,
    };
    let keyed = now.iter().map(as_it_was).collect();
    (next == first).then_some(keyed)
}

/// Bytes of an array before its elements, and of one of pairs.
const HEAD_BYTES: usize = 5 * 4;
/// See [`HEAD_BYTES`].
const PAIRS_HEAD_BYTES: usize = 7 * 4;
/// Bytes of a number in an array: its length, and itself.
const ELEMENT_BYTES: usize = 4 + 8;
/// Bytes of a key, as a guess.
const UUID_BYTES: usize = 36;

#[cfg(test)]
mod tests {
    use super::KeyedNumber::{Granted, NoneLeft};
    use super::*;

    const EPOCH: u64 = 5;

    fn replayed(number: u64) -> KeyedNumber {
        KeyedNumber::Replayed { number, epoch: EPOCH }
    }

    /// Of these numbers, each with the epoch.
    fn array_of(head: [u32; 7], numbers: &[i64]) -> Vec<u8> {
        let head = head.iter().flat_map(|field| field.to_be_bytes());
        let elements = numbers
            .iter()
            .flat_map(|number| [*number, EPOCH as i64])
            .flat_map(|number| [&[0, 0, 0, 8], &number.to_be_bytes()[..]].concat());
        head.chain(elements).collect()
    }

    fn array(numbers: &[i64]) -> Vec<u8> {
        array_of([2, 0, INT8, numbers.len() as u32, 1, 2, 1], numbers)
    }

    #[test]
    fn keys_are_an_array_of_texts() {
        let keys = ["a", "bc"].map(|key| Key::new(key.as_bytes()).expect("it is a key"));
        let expected = b"\0\0\0\x01\0\0\0\0\0\0\0\x19\0\0\0\x02\0\0\0\x01\0\0\0\x01a\0\0\0\x02bc";
        assert_eq!(texts(&keys), expected);
    }

    #[test]
    fn numbers_are_new_or_known_or_none() {
        let read = |numbers_: &[i64], first| numbers(&array(numbers_), numbers_.len(), first);
        let expected = [Granted(6), replayed(2), Granted(7), replayed(7), NoneLeft];
        assert_eq!(read(&[6, -2, 7, -7, 0], 8).as_deref(), Some(&expected[..]));
        assert_eq!(read(&[-9], 1).as_deref(), Some(&[replayed(9)][..]), "under a lowered limit");
        for (numbers, first) in [
            (&[6, 8][..], 8),
            (&[7, 6], 8),
            (&[6, 6], 8),
            (&[6], 8),
            (&[8], 8),
            (&[1, 2], 2),
            (&[1], 1),
            (&[i64::MIN], 8),
            (&[LIMIT_MAX as i64 + 1], LIMIT_MAX + 2),
        ] {
            assert_eq!(read(numbers, first), None, "{numbers:?} before {first}");
        }
    }

    #[test]
    fn what_is_no_array_of_so_many_numbers_is_none() {
        let good = array(&[1, 2]);
        assert!(numbers(&good, 2, 3).is_some());
        for length in 0..good.len() {
            assert_eq!(numbers(&good[..length], 2, 3), None);
        }
        assert_eq!(numbers(&good, 1, 3), None);
        assert_eq!(numbers(&[good.as_slice(), b"x"].concat(), 2, 3), None);
        for head in [
            [1, 0, INT8, 1, 1, 2, 1],
            [2, 0, TEXT, 1, 1, 2, 1],
            [2, 0, INT8, 1, 1, 3, 1],
            [2, 0, INT8, u32::MAX, 1, 2, 1],
        ] {
            assert_eq!(numbers(&array_of(head, &[1]), 1, 2), None, "{head:?}");
        }
        let mut null = array(&[1]);
        null[PAIRS_HEAD_BYTES..PAIRS_HEAD_BYTES + 4].fill(255);
        assert_eq!(numbers(&null, 1, 2), None);
    }

    #[test]
    fn an_answer_that_was_lost_is_told_as_it_was() {
        let now = [replayed(6), replayed(2), replayed(7), replayed(6), NoneLeft];
        let then = [Granted(6), replayed(2), Granted(7), replayed(6), NoneLeft];
        assert_eq!(first_answer(&now, 8, 2, EPOCH).as_deref(), Some(&then[..]));
        assert_eq!(first_answer(&now, 8, 0, EPOCH).as_deref(), Some(&now[..]), "none was new then");
        assert_eq!(first_answer(&now, 9, 3, EPOCH), None, "the number 8 is not found");
        assert_eq!(first_answer(&now, 8, 2, EPOCH + 1), None, "they are of another epoch");
        assert_eq!(first_answer(&[], 8, 1, EPOCH), None);
        assert_eq!(first_answer(&now, 1, 2, EPOCH), None);
    }
}
