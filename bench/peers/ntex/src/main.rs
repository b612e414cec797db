//! A peer of headcount for bench.sh: ntex, and its own client of Redis.
//!
//! Usage: peer-ntex PORT REDIS_PORT. Two workers, each with one connection, on which the asks of
//! its requests follow each other without waiting. A request is one EVALSHA.

use ntex::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use ntex::time::Seconds;
use ntex::util::Bytes;
use ntex::web::{self, App, HttpResponse, HttpServer, types::State};
use ntex_redis::codec::{Request, Response};
use ntex_redis::errors::{CommandError, ConnectError};
use ntex_redis::{Client, RedisConnector, array, cmd::Command};

#[derive(Clone)]
struct Counter {
    redis: Client,
    script: Bytes,
}

/// A command that ntex-redis has no function for.
struct Plain(Request);

impl Command for Plain {
    type Output = Response;

    fn to_request(self) -> Request {
        self.0
    }

    fn to_output(response: Response) -> Result<Response, CommandError> {
        Ok(response)
    }
}

#[ntex::main]
async fn main() -> std::io::Result<()> {
    let ports: Vec<u16> = std::env::args().skip(1).filter_map(|port| port.parse().ok()).collect();
    let &[port, redis_port] = ports.as_slice() else { panic!("usage: peer-ntex PORT REDIS_PORT") };
    let app = move || {
        App::new().state_factory(move || connect(redis_port)).route("/", web::get().to(take))
    };
    HttpServer::new(app)
        .workers(2)
        .backlog(4096)
        .keep_alive(Seconds(75))
        .bind(("127.0.0.1", port))?
        .run()
        .await
}

async fn connect(redis_port: u16) -> Result<Counter, ConnectError> {
    let address = format!("127.0.0.1:{redis_port}");
    let redis = RedisConnector::new(address).connect().await?;
    let load = array!["SCRIPT", "LOAD", include_str!("../../take.lua")];
    let Ok(Response::Bytes(script)) = redis.exec(Plain(load)).await else {
        panic!("Redis does not take the script");
    };
    Ok(Counter { redis, script })
}

async fn take(counter: State<Counter>) -> HttpResponse {
    let ask = array!["EVALSHA", &counter.script, "1", "peer"];
    let body = match counter.redis.exec(Plain(ask)).await {
        Ok(Response::Integer(number)) if number > 0 => {
            format!(r#"{{"hello":"world","request_num":{number}}}"#)
        }
        Ok(Response::Integer(number)) => format!(r#"{{"Go":"away!","request_num":{}}}"#, -number),
        _ => return HttpResponse::ServiceUnavailable().finish(),
    };
    HttpResponse::Ok()
        .header(CONTENT_TYPE, "application/json")
        .header(CACHE_CONTROL, "no-store")
        .body(body)
}
