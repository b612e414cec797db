//! The parameters behind the `?` of a store's URL.
//!
//! No error repeats what stands there: it may be what follows a bare `&` in a password.

use super::endpoint::{HINT, decoded};
use super::suggestion::nearest;
use super::value::{ConfigError, refuse};

/// The parameters of one URL that are not understood yet: of each name one.
pub(super) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Reads `name=value&...`, of these names alone, without the percent-encoding of the values.
    ///
    /// # Errors
    /// One is of no such name, or there are two of a name. An empty one is not a second one, since
    /// a template with nothing to fill in leaves it.
    pub(super) fn parse(text: &str, names: &[&'static str]) -> Result<Query, ConfigError> {
        let mut query = Query(Vec::new());
        for (index, parameter) in text.split('&').filter(|text| !text.is_empty()).enumerate() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match names.iter().find(|known| **known == name) {
                Some(name) => query.add(name, decoded(value)?)?,
                None => return refuse(unknown(index + 1, name, names)),
            }
        }
        Ok(query)
    }

    /// Takes a parameter out; an empty one counts as none.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.take_as_written(name).filter(|value| !value.is_empty())
    }

    /// Takes a parameter out, for those whose empty value means something.
    pub(super) fn take_as_written(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(place).1)
    }

    fn add(&mut self, name: &'static str, value: String) -> Result<(), ConfigError> {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            None => self.0.push((name, value)),
            Some((_, before)) if before.is_empty() => *before = value,
            Some(_) if value.is_empty() => {}
            Some(_) => return refuse(given_twice(name)),
        }
        Ok(())
    }
}

/// What is said of a second value, wherever in the URL the first one stands.
pub(super) fn given_twice(name: &str) -> String {
    format!("{name} is given twice")
}

fn unknown(number: usize, name: &str, names: &[&'static str]) -> String {
    if let Some(meant) = nearest(name, names.iter().copied()) {
        return format!("query parameter {number} is unknown; did you mean {meant}?");
    }
    let allowed = match names {
        [others @ .., last] if !others.is_empty() => {
            format!("{} and {last} are", others.join(", "))
        }
        names => format!("{} is", names.join("")),
    };
    format!("query parameter {number} is unknown: {allowed} allowed; {HINT}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_parameter_is_taken_once_without_its_encoding() {
        let mut query =
            Query::parse("&one=a%26b=c&&two=&three&two=x&two", &["one", "two", "three"])
                .expect("all of them are known");
        assert_eq!(query.take("one").as_deref(), Some("a&b=c"));
        assert_eq!(query.take("one"), None);
        assert_eq!(query.take("two").as_deref(), Some("x"));
        assert_eq!(query.take_as_written("three").as_deref(), Some(""));
        assert_eq!(query.take_as_written("three"), None);
        let mut query = Query::parse("three", &["three"]).expect("it is known");
        assert_eq!(query.take("three"), None);
    }

    #[test]
    fn what_is_unknown_or_given_twice_is_refused_and_not_repeated() {
        let names = ["wait", "cert"];
        let table: &[(&str, &[&str], &str)] = &[
            ("wait=1&wait=1", &names, "wait is given twice"),
            ("cert=a&zq1s", &names, "query parameter 2 is unknown: wait and cert are allowed; "),
            ("=", &names, "query parameter 1 is unknown: wait and cert are allowed; "),
            ("zq1s=1", &["wait"], "query parameter 1 is unknown: wait is allowed; "),
            ("wiat=zq1s", &["wait"], "query parameter 1 is unknown: wait is allowed; "),
            ("cret=zq1s", &["sentinel_user"], "query parameter 1 is unknown: sentinel_user is"),
            ("wai=zq1s", &names, "query parameter 1 is unknown; did you mean wait?"),
            ("x=1", &["a", "b", "c"], "query parameter 1 is unknown: a, b and c are allowed; "),
            ("cert=%ff", &names, "what is percent-encoded in the URL is not UTF-8"),
        ];
        for (text, names, expected) in table {
            let error = Query::parse(text, names).err().expect(text).to_string();
            assert!(error.starts_with(expected) && !error.contains("zq1s"), "{text}: {error}");
        }
    }
}
