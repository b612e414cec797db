//! The name of one client of one reactor: a slot, and which of its owners is meant.
//!
//! A slot is used again as soon as its client leaves. What was meant for the one who left (an
//! event of the same wake, a grant on its way) carries the old generation, and so never reaches
//! the next owner. A leaf: it uses no other module.

/// A client of this reactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Where the client is kept. `slot < u32::MAX`, so that three words stay free for the
    /// reactor's own tokens.
    pub slot: u32,
    /// Counts the clients of the reactor; wraps after 2^32, long after a slot's last owner left.
    pub generation: u32,
}

const _: () = assert!(usize::BITS == 64, "a token packs two 32-bit halves in one word");

impl Token {
    /// The word that the kernel keeps with the socket and hands back in an event.
    pub fn word(self) -> usize {
        (self.generation as usize) << 32 | self.slot as usize
    }

    /// The token packed in `word`.
    pub fn from_word(word: usize) -> Token {
        Token { slot: word as u32, generation: (word >> 32) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_word() {
        for (slot, generation) in [(0, 0), (1, 2), (u32::MAX - 1, u32::MAX)] {
            let token = Token { slot, generation };
            assert_eq!(Token::from_word(token.word()), token);
        }
    }
}
