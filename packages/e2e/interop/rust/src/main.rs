//! The AWS SDK for Rust against a running endpoint: millrace-interop http://127.0.0.1:4567. Ends with 1 on the first check that fails.

mod operations;
mod records;

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::types::StreamStatus;
use aws_sdk_kinesis::{Client, Config};

/// A stream of this run, and what a check of it needs.
pub struct Subject {
    pub client: Client,
    pub name: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let endpoint = std::env::args().nth(1).expect("an endpoint");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("any", "any", None, None, "static"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = Client::from_conf(config);
    println!("version {}", aws_sdk_kinesis::meta::PKG_VERSION);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let name = format!("rust-{millis}");
    operations::check_operations(&Subject { client: client.clone(), name: name.clone() }).await;
    records::check_records(&Subject { client, name: format!("{name}-records") }).await;
}

pub fn check(name: &str, condition: bool, seen: impl Debug) {
    if condition {
        println!("ok     {name}");
        return;
    }
    println!("FAILED {name} {seen:?}");
    std::process::exit(1);
}

/// The code of the error that a call ends with.
pub fn code_of<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "none".to_owned(),
        Err(error) => error.code().unwrap_or("without a code").to_owned(),
    }
}

impl Subject {
    /// The SDK for Rust has no waiter for a change's end.
    pub async fn wait_active(&self) {
        for _ in 0..60 {
            let description = self.client.describe_stream().stream_name(&self.name).send().await.unwrap();
            if *description.stream_description().unwrap().stream_status() == StreamStatus::Active {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        check("the stream becomes active", false, &self.name);
    }
}
