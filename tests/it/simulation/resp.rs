//! The commands of headcount, as the model store reads them.

/// The words of the first whole command (an array of bulk strings) and its length in bytes.
pub fn command(bytes: &[u8]) -> Option<(Vec<&str>, usize)> {
    let (count, mut at) = header(bytes, 0, b'*')?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, start) = header(bytes, at, b'$')?;
        let word = bytes.get(start..start + length)?;
        at = start + length + 2;
        if at > bytes.len() {
            return None;
        }
        words.push(str::from_utf8(word).expect("headcount sends text"));
    }
    Some((words, at))
}

fn header(bytes: &[u8], at: usize, kind: u8) -> Option<(usize, usize)> {
    let line = bytes.get(at..)?;
    let end = line.windows(2).position(|pair| pair == b"\r\n")?;
    assert_eq!(line[0], kind, "headcount sends arrays of bulk strings");
    let digits = str::from_utf8(&line[1..end]).expect("digits");
    Some((digits.parse().expect("a length"), at + end + 2))
}
