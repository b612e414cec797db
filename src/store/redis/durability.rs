//! What INFO tells of whether this Redis keeps what it acknowledges.
//! See redis.io/docs/latest/commands/info.

/// A way in which the count may be lost, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// When its memory is full it drops keys, the counter's among them: only keys with an expiry
    /// are dropped by `volatile-…`, and the counter has none.
    MayEvict,
    /// What was taken since the last snapshot is lost with the process.
    NoAppendOnlyFile,
}

impl Weakness {
    /// What may happen, and how to prevent it, for the log.
    pub fn detail(self) -> &'static str {
        match self {
            Weakness::MayEvict => {
                "Redis may evict the counter: set maxmemory-policy noeviction, or no maxmemory"
            }
            Weakness::NoAppendOnlyFile => {
                "Redis keeps no append-only file, and forgets numbers when it dies: \
                 set appendonly yes, appendfsync always"
            }
        }
    }
}

/// The weaknesses that the text of an INFO shows. What it does not tell is taken for good.
pub fn weaknesses(info: &str) -> impl Iterator<Item = Weakness> {
    let field = |name: &str| {
        let mut lines = info.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or_default()
    };
    let is_bounded = !matches!(field("maxmemory"), "" | "0");
    let may_evict = is_bounded && field("maxmemory_policy").starts_with("allkeys-");
    let forgets = field("aof_enabled") == "0";
    let shown = [(may_evict, Weakness::MayEvict), (forgets, Weakness::NoAppendOnlyFile)];
    shown.into_iter().filter_map(|(is_shown, weakness)| is_shown.then_some(weakness))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weakness_is_shown_by_the_fields_of_info() {
        const EVICTS: &str = "maxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n";
        let rows: [(&str, &[Weakness]); 6] = [
            ("", &[]),
            ("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\naof_enabled:1\r\n", &[]),
            ("maxmemory:100\r\nmaxmemory_policy:volatile-lru\r\n", &[]),
            ("maxmemory:100\r\nmaxmemory_policy:noeviction\r\n", &[]),
            (EVICTS, &[Weakness::MayEvict]),
            ("# Persistence\r\naof_enabled:0\r\n", &[Weakness::NoAppendOnlyFile]),
        ];
        for (info, expected) in rows {
            assert_eq!(weaknesses(info).collect::<Vec<_>>(), expected, "{info}");
        }
    }
}
