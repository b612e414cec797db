//! What a test does to the replies, the connections and the upstream of a proxy.

use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::Ordering;

use super::held::Held;
use super::{Condition, Fault, Proxy};

impl Proxy {
    /// Swallows each reply for which `condition` holds once it has come from the store, and all
    /// that follow it on its connection. So a test can choose a request by what it did.
    pub fn swallow_when(&self, condition: impl Fn() -> bool + Send + 'static) {
        let condition: Condition = Box::new(condition);
        *self.shared.condition.lock().expect("no condition panics") = Some(condition);
    }

    /// Lets everything pass on new connections, and closes those that there are.
    pub fn pass_again(&self) {
        self.set(Fault::None);
        *self.shared.condition.lock().expect("no condition panics") = None;
        self.cut();
    }

    /// Closes every connection, on both sides.
    pub fn cut(&self) {
        let mut connections = self.shared.connections.lock().expect("no thread panics with it");
        for ends in connections.drain(..).filter_map(|ends| ends.upgrade()) {
            // Either side may have closed it already.
            let _ = ends.client.shutdown(Shutdown::Both);
            let _ = ends.upstream.shutdown(Shutdown::Both);
        }
    }

    /// New connections lead to the store on this port; those that are there stay.
    pub fn lead_to(&self, upstream_port: u16) {
        let upstream = SocketAddr::from(([127, 0, 0, 1], upstream_port));
        *self.shared.upstream.lock().expect("no thread panics while it holds it") = upstream;
    }

    /// Stands before the store on this port from now on, as an address that moves in a failover.
    pub fn switch_to(&self, upstream_port: u16) {
        let upstream = SocketAddr::from(([127, 0, 0, 1], upstream_port));
        *self.shared.upstream.lock().expect("no thread panics while it holds it") = upstream;
        self.cut();
    }

    /// The requests that it keeps back.
    pub fn held(&self) -> &Held {
        &self.shared.held
    }

    /// How many replies were swallowed.
    pub fn swallowed(&self) -> u64 {
        self.shared.swallowed.load(Ordering::Relaxed)
    }
}
