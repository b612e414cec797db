//! The text of an answer while it is made.

use crate::api::ticket::TICKET_BYTES_MAX;

/// A body that is made from numbers, on the stack: an answer allocates nothing.
///
/// Invariant: the longest body without a ticket, of `/status` with three numbers of 16 digits, has
/// 95 bytes. With a ticket it is [`TicketText`].
pub struct Text<const BYTES: usize = 128> {
    bytes: [u8; BYTES],
    length: usize,
}

/// The body of a grant with its ticket.
pub type TicketText = Text<{ 64 + TICKET_BYTES_MAX }>;

impl<const BYTES: usize> Text<BYTES> {
    /// An empty body.
    pub fn new() -> Text<BYTES> {
        Text { bytes: [0; BYTES], length: 0 }
    }

    /// Appends a text; the body has room for it, as for all that is appended.
    pub fn text(&mut self, text: &str) -> &mut Text<BYTES> {
        self.append(text.as_bytes())
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) -> &mut Text<BYTES> {
        let end = self.length + bytes.len();
        self.bytes[self.length..end].copy_from_slice(bytes);
        self.length = end;
        self
    }

    /// Appends a number in decimal digits.
    pub fn number(&mut self, number: u64) -> &mut Text<BYTES> {
        self.text(itoa::Buffer::new().format(number))
    }

    /// Makes it longer by so many bytes, which nobody reads: an answer to HEAD has no body.
    pub fn lengthen(&mut self, bytes: usize) {
        self.length += bytes;
    }

    /// What was appended.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<const BYTES: usize> Default for Text<BYTES> {
    fn default() -> Text<BYTES> {
        Text::new()
    }
}
