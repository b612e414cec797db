//! A session that a test holds open in PostgreSQL.

use std::process::Child;
use std::thread;

use super::PostgresServer;

/// A session of somebody else's. Ended when it is dropped.
pub struct Session<'a> {
    server: &'a PostgresServer,
    psql: Child,
}

impl<'a> Session<'a> {
    /// The session that this psql has with a server.
    pub(super) fn new(server: &'a PostgresServer, psql: Child) -> Session<'a> {
        Session { server, psql }
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // Psql's end alone would be seen by the server only when the statement ends.
        let end = format!("select pg_terminate_backend(pid) {HOLDER}");
        let ended = self.server.try_sql("postgres", &end);
        let _ = self.psql.kill();
        let _ = self.psql.wait();
        assert!(thread::panicking() || ended.is_ok(), "{ended:?}");
    }
}

/// The session of [`PostgresServer::hold`].
pub(super) const HOLDER: &str = "from pg_stat_activity where application_name = 'holder'";
