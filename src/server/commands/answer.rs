//! How a command ends that was carried out.

/// What a command has to say in the end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    /// For stdout.
    pub text: String,
    /// What was not well, for stderr: the exit code is 1 then.
    pub problem: Option<String>,
}

impl Answer {
    /// All went well.
    pub fn well(text: String) -> Answer {
        Answer { text, problem: None }
    }
}
