//! The bytes of the file: its header, and the records behind it. `docs/file.md` tells of them.
//!
//! It does not know what a payload says: that is [`crate::store::file::entry`].

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use crc::{CRC_32_ISCSI, Crc, Table};

use crate::limits::FILE_PAYLOAD_BYTES_MAX;

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;
/// Bytes before the first record.
pub const HEADER_BYTES: usize = 24;
/// Records begin at multiples of this.
pub const ALIGNMENT: usize = 8;

/// Bytes of a record before its payload.
const RECORD_HEAD_BYTES: usize = 16;
const MAGIC: [u8; 8] = *b"HEADCNT\n";

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Some other file.
    Foreign,
    /// This later version wrote it.
    Newer(u32),
    /// It was one, and its bytes have changed.
    Damaged,
}

/// A record whose checksum is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Counts the records of a file, from 1.
    pub sequence: u64,
    /// What it says; up to 7 bytes of it, all 0, may be there to fill the last 8.
    pub payload: &'a [u8],
}

impl Record<'_> {
    /// Bytes of it in the file.
    pub fn bytes(&self) -> usize {
        RECORD_HEAD_BYTES + self.payload.len()
    }
}

/// The header of a file. `salt`: a random one, so that no record of another file is one of this.
pub fn header(salt: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[16..].copy_from_slice(&salt.to_le_bytes());
    let checksum = header_checksum(&bytes);
    bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// The salt of the file that begins with these bytes.
///
/// # Errors
/// Why they are no header of this version.
pub fn read_header(bytes: &[u8]) -> Result<u64, HeaderError> {
    let magic = &MAGIC[..bytes.len().min(MAGIC.len())];
    if !bytes.starts_with(magic) {
        return Err(HeaderError::Foreign);
    }
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(HeaderError::Damaged)?;
    let version = u32_at(header, 8);
    if version.is_some_and(|version| version > VERSION) {
        return Err(HeaderError::Newer(version.unwrap_or_default()));
    }
    let is_intact = u32_at(header, 12) == Some(header_checksum(header));
    let salt = u64_at(header, 16).filter(|_| is_intact && version == Some(VERSION));
    salt.ok_or(HeaderError::Damaged)
}

/// Begins a record in an empty buffer: its payload is to be put behind, and then
/// [`finish_record`] called.
pub fn begin_record(record: &mut Vec<u8>) {
    record.clear();
    record.resize(RECORD_HEAD_BYTES, 0);
}

/// Bytes of the payload so far.
pub fn payload_bytes(record: &[u8]) -> usize {
    record.len() - RECORD_HEAD_BYTES
}

/// Fills the last 8 bytes and writes the head. The payload keeps its bound.
pub fn finish_record(record: &mut Vec<u8>, salt: u64, sequence: u64) {
    record.resize(record.len().next_multiple_of(ALIGNMENT), 0);
    let length = payload_bytes(record);
    debug_assert!((1..=FILE_PAYLOAD_BYTES_MAX).contains(&length));
    let length = length as u32; // The bound is far below.
    let checksum = checksum(salt, length, sequence, &record[RECORD_HEAD_BYTES..]);
    record[..4].copy_from_slice(&length.to_le_bytes());
    record[4..8].copy_from_slice(&checksum.to_le_bytes());
    record[8..16].copy_from_slice(&sequence.to_le_bytes());
}

/// The record at the start of these bytes, if there is a whole one. `sequences`: which ones it may
/// have; most bytes that are no record are known by that, and not summed up.
pub fn read_record(bytes: &[u8], salt: u64, sequences: RangeInclusive<u64>) -> Option<Record<'_>> {
    let record = read_unchecked(bytes, sequences)?;
    let length = record.payload.len() as u32; // It came from as many bits.
    let is_intact = u32_at(bytes, 4)? == checksum(salt, length, record.sequence, record.payload);
    is_intact.then_some(record)
}

/// What would be the record at the start of these bytes, if its checksum were right.
pub fn read_unchecked(bytes: &[u8], sequences: RangeInclusive<u64>) -> Option<Record<'_>> {
    let length = u32_at(bytes, 0)? as usize;
    let sequence = u64_at(bytes, 8).filter(|sequence| sequences.contains(sequence))?;
    let is_bounded = (1..=FILE_PAYLOAD_BYTES_MAX).contains(&length);
    if !is_bounded || !length.is_multiple_of(ALIGNMENT) {
        return None;
    }
    let payload = bytes.get(RECORD_HEAD_BYTES..RECORD_HEAD_BYTES + length)?;
    Some(Record { sequence, payload })
}

/// 16 bytes at a time. Whoever needs the table first makes it, in some 20 µs: in the binary it
/// would be 16 KB. So it is boxed: a `LazyLock` has room for its value inside, in the binary too.
static CRC_32C: LazyLock<Box<Crc<u32, Table<16>>>> =
    LazyLock::new(|| Box::new(Crc::<u32, Table<16>>::new(&CRC_32_ISCSI)));

fn header_checksum(header: &[u8; HEADER_BYTES]) -> u32 {
    let mut digest = CRC_32C.digest();
    digest.update(&header[..12]);
    digest.update(&header[16..]);
    digest.finalize()
}

fn checksum(salt: u64, length: u32, sequence: u64, payload: &[u8]) -> u32 {
    let mut head = [0; 20];
    head[..8].copy_from_slice(&salt.to_le_bytes());
    head[8..12].copy_from_slice(&length.to_le_bytes());
    head[12..].copy_from_slice(&sequence.to_le_bytes());
    let mut digest = CRC_32C.digest();
    digest.update(&head);
    digest.update(payload);
    digest.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u64 = 0x0123_4567_89ab_cdef;

    fn record(sequence: u64, payload: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        begin_record(&mut record);
        record.extend(payload);
        finish_record(&mut record, SALT, sequence);
        record
    }

    #[test]
    fn a_header_has_the_bytes_of_the_document() {
        let bytes = header(SALT);
        assert_eq!(bytes[..8], *b"HEADCNT\n");
        assert_eq!(bytes[8..12], [1, 0, 0, 0]);
        assert_eq!(bytes[12..16], 0xad03_a526_u32.to_le_bytes());
        assert_eq!(bytes[16..], [0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01]);
        assert_eq!(read_header(&bytes), Ok(SALT));
    }

    #[test]
    fn a_header_that_is_none_says_why() {
        let good = header(SALT);
        for length in 0..HEADER_BYTES {
            assert_eq!(read_header(&good[..length]), Err(HeaderError::Damaged), "{length}");
        }
        for place in 0..HEADER_BYTES * 8 {
            let mut bytes = good;
            bytes[place / 8] ^= 1 << (place % 8);
            let expected = match place / 8 {
                0..8 => HeaderError::Foreign,
                8..12 if place != 64 => HeaderError::Newer(1 | 1 << (place - 64)),
                _ => HeaderError::Damaged,
            };
            assert_eq!(read_header(&bytes), Err(expected), "bit {place}");
        }
    }

    #[test]
    fn a_record_has_the_bytes_of_the_document() {
        let bytes = record(7, b"payload, and more");
        assert_eq!(bytes.len(), 40);
        assert_eq!(bytes[..4], 24_u32.to_le_bytes());
        assert_eq!(bytes[4..8], 0x1268_513b_u32.to_le_bytes());
        assert_eq!(bytes[8..16], 7_u64.to_le_bytes());
        assert_eq!(bytes[16..], *b"payload, and more\0\0\0\0\0\0\0");
        let read = read_record(&bytes, SALT, 1..=7).expect("it is a record");
        assert_eq!((read.sequence, read.bytes()), (7, 40));
        assert_eq!(read.payload, &bytes[16..]);
    }

    #[test]
    fn a_record_is_none_with_any_bit_changed_or_byte_missing() {
        let good = record(7, b"payload, and more");
        for length in 0..good.len() {
            assert_eq!(read_record(&good[..length], SALT, 0..=u64::MAX), None, "{length}");
        }
        for place in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[place / 8] ^= 1 << (place % 8);
            assert_eq!(read_record(&bytes, SALT, 0..=u64::MAX), None, "bit {place}");
        }
        assert_eq!(read_record(&good, SALT + 1, 0..=u64::MAX), None, "of another file");
        assert_eq!(read_record(&good, SALT, 8..=u64::MAX), None, "of another sequence");
        let trailed = [&good[..], b"behind"].concat();
        assert!(read_record(&trailed, SALT, 7..=7).is_some());
    }
}
