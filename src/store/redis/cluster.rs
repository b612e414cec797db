//! Redis Cluster, as one of its nodes tells of it: which nodes there are, and where a counter is.
//!
//! HELLO says whether the server is a node; then the nodes are asked for. What the server says to
//! a command about the place of its key is a [`Redirect`]: such a command never ran.
//! See redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec.

use log::info;

use super::due::Due;
use super::reply::{self, Reply, not_redis};
use super::resp::Command;
use super::value::{ServerError, Value};
use super::{Redis, command};
use crate::config::Endpoint;
use crate::counter::CounterId;
use crate::limits::NODES_MAX;
use crate::store::error::{Fault, StoreError};
use crate::store::request::{Redirect, WireEvent};
use crate::store::survey::Survey;

/// A node that a server has named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it is.
    pub endpoint: Endpoint,
    /// It had slots, when it was named.
    pub is_primary: bool,
}

impl Redis {
    /// Whether the server is a node of a Cluster, by its reply to HELLO.
    ///
    /// # Errors
    /// The URL does not fit that.
    pub(super) fn judge_mode(&mut self, hello: &Value) -> Result<(), Fault> {
        self.is_cluster = self.url.asks_for_cluster() && reply::is_cluster(hello);
        if self.is_cluster && self.url.database != 0 {
            let detail = "a Cluster has the database 0 alone: remove /N from --store".to_owned();
            return Err(Fault { error: StoreError::Database, detail });
        }
        if !self.is_cluster && !self.url.seeds.is_empty() {
            let detail = "it is no node of a Cluster, and several hosts that are no Cluster are \
                          several counts: name one of them, or use redis+sentinel://"
                .to_owned();
            return Err(Fault { error: StoreError::Cluster, detail });
        }
        Ok(())
    }

    /// Takes over what is to be done once, from the connection to another node.
    pub fn take_task(&mut self, other: &mut Redis) {
        self.task = std::mem::take(&mut other.task);
    }

    /// Asks for the nodes.
    pub(super) fn ask_for_nodes(&mut self, out: &mut Vec<u8>) {
        self.send(&Command::new("CLUSTER").word("SHARDS"), Due::Shards, out);
    }

    /// The same of a Redis before 7.
    pub(super) fn ask_for_slots(&mut self, out: &mut Vec<u8>) {
        self.send(&Command::new("CLUSTER").word("SLOTS"), Due::Slots, out);
    }

    /// From now on the counter's commands are preceded by ASKING, or not.
    pub fn set_asking(&mut self, counter: CounterId, is_asking: bool) {
        self.asking.retain(|other| *other != counter);
        if is_asking {
            self.asking.push(counter);
        }
    }

    /// The node that is being given the slot of this counter serves it only so.
    pub(super) fn ask_first(&mut self, counter: CounterId, out: &mut Vec<u8>) {
        if !self.asking.is_empty() && self.asking.contains(&counter) {
            self.send(&command::asking(), Due::Step, out);
        }
    }

    /// The counter is served elsewhere from now on: what still comes for it is of no meaning.
    pub fn disown(&mut self, counter: CounterId) {
        self.set_asking(counter, false);
        for due in self.due.iter_mut().chain(self.replicas.held()) {
            // A tried write shows whether the server takes writes, whoever serves the counter: its
            // reply still counts.
            let is_its = !matches!(due, Due::Check(_)) && due.counter() == Some(counter);
            let is_task = counter == CounterId::FIRST
                && matches!(due, Due::Read | Due::Change | Due::Row | Due::Scan);
            if is_its || is_task {
                *due = Due::Disowned;
            }
        }
    }

    /// A command for a counter that this node does not serve never ran, and goes elsewhere.
    pub(super) fn redirected(&mut self, due: Due, reply: &Reply) -> Option<WireEvent> {
        let Reply::Value(Value::Error(error)) = reply else { return None };
        let redirect = self.redirect(error)?;
        let is_of_one = self.task.survey.as_ref().is_some_and(|survey| !survey.is_of_all());
        let counter = match due {
            Due::Read | Due::Change => CounterId::FIRST,
            Due::Row if is_of_one => CounterId::FIRST,
            due => due.counter()?,
        };
        if let Due::Confirm(_) = due {
            self.refused = None; // It was this counter's.
        }
        Some(WireEvent::GoesElsewhere(counter, redirect, reply::fault(error)))
    }

    /// What sends a mark to another node, if this reply does: then it never ran.
    pub(super) fn redirect_of_mark(&self, reply: &Reply) -> Option<Fault> {
        let Reply::Value(Value::Error(error)) = reply else { return None };
        self.redirect(error)?;
        let Fault { error, detail } = reply::fault(error);
        Some(Fault { error, detail: format!("the key :wait beside the counter: {detail}") })
    }

    /// The next reply is malformed, or too long. A node may be asked for anything but such a list
    /// of the nodes on the next connection.
    #[cold]
    pub(super) fn reply_unreadable(&mut self) {
        if let Some(Due::Shards | Due::Slots) = self.due.front() {
            self.may_ask_nodes = false;
            let detail = "the list is too long, or makes no sense";
            let hint = "name more of the nodes in --store";
            info!(detail, hint; "the nodes of the Cluster are not known");
        }
    }

    /// The nodes cannot be asked for, or not so: those of the URL, and those that MOVED names, must
    /// do.
    pub(super) fn nodes_refused(
        &mut self,
        due: Due,
        error: &ServerError,
        out: &mut Vec<u8>,
    ) -> Result<Option<WireEvent>, Fault> {
        if due == Due::Shards && error.code == "ERR" {
            self.ask_for_slots(out);
            return Ok(None);
        }
        if self.task.survey.as_ref().is_some_and(Survey::is_of_all) {
            return Err(reply::fault(error));
        }
        let (detail, hint) = (error.code.as_str(), "allow the user cluster|shards");
        info!(detail, hint; "the nodes of the Cluster are not known");
        Ok(None)
    }

    /// Where an error in reply to a command for a counter sends it on to, if it does: then the
    /// command never ran.
    pub(super) fn redirect(&self, error: &ServerError) -> Option<Redirect> {
        if !self.is_cluster {
            return None;
        }
        match error.code.as_str() {
            "MOVED" => Some(self.target(&error.detail).map_or(Redirect::AnyOther, Redirect::To)),
            "ASK" => Some(self.target(&error.detail).map_or(Redirect::AnyOther, Redirect::AskAt)),
            "CLUSTERDOWN" | "MASTERDOWN" | "LOADING" | "READONLY" => Some(Redirect::AnyOther),
            _ => None,
        }
    }

    /// The node of `3999 host:port`. Without a host it is the one of this server.
    fn target(&self, detail: &str) -> Option<Endpoint> {
        let (_, address) = detail.split_once(' ')?;
        let (host, port) = address.trim_end().rsplit_once(':')?;
        self.node(host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?)
    }

    fn node(&self, host: &str, port: u16) -> Option<Endpoint> {
        match (host, &self.url.endpoint) {
            ("" | "?", Endpoint::Tcp { host, .. }) => Endpoint::of_host(host, port),
            (host, _) => Endpoint::of_host(host, port),
        }
    }

    /// The nodes are known: a survey of all counters goes round the primaries.
    fn nodes_named(&mut self, nodes: Vec<Node>) -> WireEvent {
        let primaries = nodes.iter().filter(|node| node.is_primary);
        let primaries = primaries.map(|node| node.endpoint.clone()).collect();
        match self.begin_tour(primaries) {
            Some(first) => WireEvent::SurveyGoesTo(first),
            None => WireEvent::NodesNamed(nodes.into_iter().map(|node| node.endpoint).collect()),
        }
    }

    /// The nodes of a reply to CLUSTER SHARDS. One that makes no sense is left out.
    pub(super) fn shards(&mut self, value: &Value) -> Result<Option<WireEvent>, Fault> {
        let Value::List(shards) = value else {
            return Err(not_redis("a list of shards that makes no sense"));
        };
        let nodes = shards.iter().flat_map(|shard| match field(shard, b"nodes") {
            Some(Value::List(nodes)) => nodes.as_slice(),
            _ => &[],
        });
        let nodes = listed(nodes.filter_map(|node| self.shard_node(node)));
        Ok(Some(self.nodes_named(nodes)))
    }

    fn shard_node(&self, node: &Value) -> Option<Node> {
        let port: &[u8] = if self.url.tls.is_some() { b"tls-port" } else { b"port" };
        let port = u16::try_from(reply::number(field(node, port)?)?).ok()?;
        let host = field(node, b"endpoint").and_then(reply::text).unwrap_or_default();
        let endpoint = self.node(str::from_utf8(host).ok()?, port)?;
        let role = field(node, b"role").and_then(reply::text);
        Some(Node { endpoint, is_primary: role == Some(b"master") })
    }

    /// The nodes of a reply to CLUSTER SLOTS: `[[from, to, primary, replica...]...]`.
    pub(super) fn slots(&mut self, value: &Value) -> Result<Option<WireEvent>, Fault> {
        let Value::List(ranges) = value else {
            return Err(not_redis("a list of slots that makes no sense"));
        };
        let nodes = ranges.iter().flat_map(|range| match range {
            Value::List(parts) => parts.get(2..).unwrap_or_default(),
            _ => &[],
        });
        let firsts = ranges.iter().filter_map(|range| match range {
            Value::List(parts) => parts.get(2),
            _ => None,
        });
        let primaries = firsts.filter_map(|node| self.slot_node(node, true));
        let nodes = listed(primaries.chain(nodes.filter_map(|node| self.slot_node(node, false))));
        Ok(Some(self.nodes_named(nodes)))
    }

    fn slot_node(&self, parts: &Value, is_primary: bool) -> Option<Node> {
        let Value::List(parts) = parts else { return None };
        let host = parts.first().and_then(reply::text).unwrap_or_default();
        let port = u16::try_from(reply::number(parts.get(1)?)?).ok()?;
        Some(Node { endpoint: self.node(str::from_utf8(host).ok()?, port)?, is_primary })
    }
}

/// Each once, and no more than [`NODES_MAX`].
fn listed(nodes: impl Iterator<Item = Node>) -> Vec<Node> {
    let mut list: Vec<Node> = Vec::new();
    for node in nodes {
        if list.len() < NODES_MAX && list.iter().all(|other| other.endpoint != node.endpoint) {
            list.push(node);
        }
    }
    list
}

fn field<'a>(map: &'a Value, name: &[u8]) -> Option<&'a Value> {
    match map {
        Value::Map(fields) => {
            fields.iter().find(|(key, _)| reply::text(key) == Some(name)).map(|(_, value)| value)
        }
        // As RESP2 would have it.
        Value::List(parts) => {
            let mut pairs = parts.chunks_exact(2);
            pairs.find(|pair| reply::text(&pair[0]) == Some(name)).map(|pair| &pair[1])
        }
        _ => None,
    }
}
