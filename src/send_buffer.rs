//! Bytes on their way out to one socket. A leaf: it uses no other module.

/// What is written and not sent yet.
///
/// Invariant: `sent <= bytes.len()`, and `bytes` is empty as soon as all of it is sent.
#[derive(Debug, Default)]
pub struct SendBuffer {
    bytes: Vec<u8>,
    sent: usize,
}

/// Capacity kept for the next answers; what a burst took beyond it is given back.
const CAPACITY_KEPT_BYTES: usize = 4 * 1024;

impl SendBuffer {
    /// Where to append.
    pub fn writer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What to hand to the socket next; empty when there is nothing to send.
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// The socket took the first `count` of the unsent bytes.
    pub fn advance(&mut self, count: usize) {
        self.sent += count;
        debug_assert!(self.sent <= self.bytes.len());
        if self.sent == self.bytes.len() {
            self.clear();
        }
    }

    /// Gives the memory back, if there is nothing to send.
    pub fn give_back(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }

    /// Forgets everything: the connection is gone.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(CAPACITY_KEPT_BYTES);
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_write_keeps_the_rest() {
        let mut send_buffer = SendBuffer::default();
        send_buffer.writer().extend_from_slice(b"hello");
        send_buffer.advance(2);
        assert_eq!(send_buffer.unsent(), b"llo");
        send_buffer.writer().extend_from_slice(b"!");
        assert_eq!(send_buffer.unsent(), b"llo!");
        send_buffer.advance(4);
        assert_eq!(send_buffer.unsent(), b"");
    }

    #[test]
    fn memory_of_a_burst_is_given_back() {
        let mut send_buffer = SendBuffer::default();
        send_buffer.writer().resize(1 << 20, 0);
        send_buffer.advance(1 << 20);
        assert!(send_buffer.writer().capacity() <= 2 * CAPACITY_KEPT_BYTES);
    }

    #[test]
    fn an_idle_one_holds_no_memory_and_one_with_bytes_keeps_them() {
        let mut send_buffer = SendBuffer::default();
        send_buffer.writer().extend_from_slice(b"hello");
        send_buffer.give_back();
        assert_eq!(send_buffer.unsent(), b"hello");
        send_buffer.advance(5);
        send_buffer.give_back();
        assert_eq!(send_buffer.writer().capacity(), 0);
    }
}
