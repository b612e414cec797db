//! A peer of headcount for bench.sh: actix-web, and the redis crate's multiplexed connection.
//!
//! Usage: peer-actix PORT REDIS_PORT. Two workers, each with one connection, on which the asks of
//! its requests follow each other without waiting: that is how the redis crate is meant to be used
//! from a server. A request is one EVALSHA.

use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{Client, IntoConnectionInfo, RedisResult, Script};

struct Counter {
    connection: MultiplexedConnection,
    script: Script,
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let ports: Vec<u16> = std::env::args().skip(1).filter_map(|port| port.parse().ok()).collect();
    let &[port, redis_port] = ports.as_slice() else { panic!("usage: peer-actix PORT REDIS_PORT") };
    let app = move || {
        App::new().data_factory(move || connect(redis_port)).route("/", web::get().to(take))
    };
    HttpServer::new(app)
        .workers(2)
        .backlog(4096)
        .keep_alive(Duration::from_secs(75))
        .tcp_nodelay(true)
        .bind(("127.0.0.1", port))?
        .run()
        .await
}

async fn connect(redis_port: u16) -> RedisResult<Counter> {
    let address = format!("redis://127.0.0.1:{redis_port}").into_connection_info()?;
    // Or each small ask waits until the one before is acknowledged.
    let address = address.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    let connection = Client::open(address)?.get_multiplexed_async_connection().await?;
    Ok(Counter { connection, script: Script::new(include_str!("../../take.lua")) })
}

async fn take(counter: Data<Counter>) -> HttpResponse {
    let mut connection = counter.connection.clone();
    let number: RedisResult<i64> = counter.script.key("peer").invoke_async(&mut connection).await;
    let body = match number {
        Ok(number) if number > 0 => format!(r#"{{"hello":"world","request_num":{number}}}"#),
        Ok(number) => format!(r#"{{"Go":"away!","request_num":{}}}"#, -number),
        Err(_) => return HttpResponse::ServiceUnavailable().finish(),
    };
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(body)
}
