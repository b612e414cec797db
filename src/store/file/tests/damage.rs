//! Files with bytes that nobody wrote: what is torn is cut off, what is damaged is refused, and
//! nothing panics.

use fastrand::Rng;

use super::sim_disk::SimDisk;
use super::{create, digest, take};
use crate::limits::FILE_RECORD_CANDIDATES_MAX;
use crate::store::file::format::{self, HEADER_BYTES};
use crate::store::file::journal::Journal;
use crate::store::file::recovery::{RecoveryError, Torn, recover};

/// The bytes of a file with two counters and some commits, and where its records begin; the last of
/// these is its end.
fn file() -> (Vec<u8>, Vec<usize>) {
    let (mut journal, _) = Journal::open(SimDisk::new(1), 1).expect("a disk that is well");
    for name in ["shoes", "hats"] {
        journal.change(name, &create(50), 5).expect("it is new");
    }
    for number in 0..4 {
        take(&mut journal, "shoes", &[&format!("key-{number}")], 1);
        take(&mut journal, "hats", &[], number);
    }
    let mut bytes = journal.disk_for_test().bytes();
    let salt = format::read_header(&bytes).expect("it is a header");
    let mut starts = vec![HEADER_BYTES];
    let mut end = HEADER_BYTES;
    while let Some(record) = format::read_record(&bytes[end..], salt, 0..=u64::MAX) {
        end += record.bytes();
        starts.push(end);
    }
    bytes.truncate(end + 256);
    (bytes, starts)
}

#[test]
fn a_torn_last_record_is_cut_off_and_reported() {
    let (bytes, starts) = file();
    let [.., last, end] = starts[..] else { panic!("records") };
    let whole = recover(&bytes).expect("it is whole");
    assert_eq!(whole.torn, None);
    let before = digest(&recover(&bytes[..last]).expect("without the last").state);
    assert_ne!(before, digest(&whole.state));
    // Zeros at its end are there before it is written.
    let last_byte = bytes[..end].iter().rposition(|byte| *byte != 0).expect("there are some");
    for torn_at in last + 1..=last_byte {
        let mut torn = bytes.clone();
        torn[torn_at..].fill(0);
        let recovered = recover(&torn).expect("it is torn");
        assert_eq!(digest(&recovered.state), before);
        let Some(Torn { offset, bytes }) = recovered.torn else { panic!("torn at {torn_at}") };
        assert!(offset == last as u64 && bytes <= (torn_at - last) as u64);
    }
}

#[test]
fn damage_before_a_later_record_is_refused_with_its_place() {
    let (bytes, starts) = file();
    let last = starts[starts.len() - 2];
    for record in starts.windows(2).take(starts.len() - 2) {
        for place in record[0]..record[1] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x10;
            let offset = record[0] as u64;
            assert!(place < last);
            assert_eq!(recover(&damaged).err(), Some(RecoveryError::Damaged { offset }), "{place}");
        }
    }
}

#[test]
fn what_looks_like_many_records_is_no_torn_write() {
    let (bytes, starts) = file();
    let end = starts[starts.len() - 1];
    let sequence = starts.len() as u64 + 1;
    let head = [&8_u64.to_le_bytes()[..], &sequence.to_le_bytes(), &[1; 8]].concat();
    let with = |heads: usize| recover(&[&bytes[..end], &head.repeat(heads)].concat());
    assert!(with(FILE_RECORD_CANDIDATES_MAX).is_ok_and(|recovered| recovered.torn.is_some()));
    let damaged = RecoveryError::Damaged { offset: end as u64 };
    assert_eq!(with(FILE_RECORD_CANDIDATES_MAX + 1).err(), Some(damaged));
}

#[test]
fn other_files_say_what_they_are() {
    let (bytes, _) = file();
    assert!(recover(b"").is_ok_and(|recovered| recovered.is_new));
    assert_eq!(recover(b"PK\x03\x04").err(), Some(RecoveryError::Foreign));
    assert_eq!(recover(&[0; 4_096]).err(), Some(RecoveryError::Foreign));
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert_eq!(recover(&newer).err(), Some(RecoveryError::Newer(2)));
    let header = &bytes[..HEADER_BYTES];
    let offset = HEADER_BYTES as u64;
    assert_eq!(recover(header).err(), Some(RecoveryError::Damaged { offset }), "no snapshot");
}

#[test]
fn no_bytes_panic_and_none_that_are_read_break_a_rule() {
    let (bytes, _) = file();
    let salt = format::read_header(&bytes).expect("it is a header");
    let (mut read, mut refused) = (0, 0);
    for seed in 0..20_000 {
        let mut rng = Rng::with_seed(seed);
        let mutated = match seed % 3 {
            0 => mutate(bytes.clone(), &mut rng),
            1 => forge(salt, &bytes, &mut rng),
            _ => [&bytes[..HEADER_BYTES], &random(&mut rng)].concat(),
        };
        let Ok(recovered) = recover(&mutated) else {
            refused += 1;
            continue;
        };
        read += 1;
        for counter in recovered.state.counters() {
            let count = counter.fields.count;
            assert!(count.taken <= count.limit, "seed {seed}");
        }
    }
    assert!(read > 100 && refused > 100, "{read} read, {refused} refused");
}

fn random(rng: &mut Rng) -> Vec<u8> {
    (0..rng.usize(..200)).map(|_| rng.u8(..)).collect()
}

fn mutate(mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    for _ in 0..rng.usize(1..4) {
        let (place, other) = (rng.usize(..bytes.len() - 64), rng.usize(..bytes.len() - 64));
        match rng.u8(..4) {
            0 => bytes[place] ^= 1 << rng.u8(..8),
            1 => bytes.truncate(place.max(128)),
            2 => bytes.copy_within(other..other + 64, place),
            _ => bytes[place..place + 8].fill(rng.u8(..)),
        }
    }
    bytes
}

/// Payloads that nobody wrote, in records whose checksums are right.
fn forge(salt: u64, bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut forged = bytes[..HEADER_BYTES].to_vec();
    let (mut offset, mut sequence) = (HEADER_BYTES, 1);
    while let Some(record) = format::read_record(&bytes[offset..], salt, sequence..=sequence) {
        let mut made = Vec::new();
        format::begin_record(&mut made);
        made.extend(record.payload);
        if rng.u8(..8) == 0 {
            let place = rng.usize(16..made.len());
            made[place] = rng.u8(..);
        }
        format::finish_record(&mut made, salt, sequence);
        forged.extend(made);
        offset += record.bytes();
        sequence += 1;
    }
    forged
}
