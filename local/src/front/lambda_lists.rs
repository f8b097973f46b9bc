//! Lambda's lists, for whoever operates the stack: its functions with their variables, what feeds them, and the quota of the
//! account.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>,
//! <https://docs.aws.amazon.com/lambda/latest/api/API_ListEventSourceMappings.html>,
//! <https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html>
//!
//! A marker is the number of the first item of a page. There is one stack, so nothing else is listed.

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use super::services::Services;
use crate::{
    http1::{Reply, json_reply},
    iam::Request,
    template::{Function, Mapping, Source, Stack},
};

/// The invocations that an account may have at once, as most accounts have it.
const CONCURRENCY: u32 = 1_000;
/// The items of a page, where the caller does not say it, and at most.
const FUNCTIONS_PAGE: usize = 50;
const MAPPINGS_PAGE: usize = 100;

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    Functions,
    Mappings,
    Settings,
}

/// The list at a path, if there is one.
pub(super) fn at(method: &Method, path: &str) -> Option<List> {
    match (method, path.trim_end_matches('/')) {
        (&Method::GET, "/2015-03-31/functions") => Some(List::Functions),
        (&Method::GET, "/2015-03-31/event-source-mappings") => Some(List::Mappings),
        (&Method::GET, "/2016-08-19/account-settings") => Some(List::Settings),
        _ => None,
    }
}

/// Answers with a page of a list; `query` is that of the request.
pub(super) fn answer(services: &Services, list: List, query: Option<&str>, headers: &HeaderMap) -> Reply {
    let action = match list {
        List::Functions => "lambda:ListFunctions",
        List::Mappings => "lambda:ListEventSourceMappings",
        List::Settings => "lambda:GetAccountSettings",
    };
    if let Some(caller) = services.caller(headers)
        && let Err(error) = services.authorize(caller, &[Request::new(action, "*")])
    {
        let mut reply =
            json_reply(StatusCode::FORBIDDEN, &json!({ "Type": "User", "Message": error.message }));
        reply.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static("AccessDeniedException"));
        return reply;
    }
    let body = match list {
        List::Functions => {
            let all = services.functions.all().map(described).collect();
            page("Functions", all, FUNCTIONS_PAGE, query)
        }
        List::Mappings => page("EventSourceMappings", services.mappings.clone(), MAPPINGS_PAGE, query),
        List::Settings => json!({
            "AccountLimit": {
                "ConcurrentExecutions": CONCURRENCY,
                "UnreservedConcurrentExecutions": CONCURRENCY,
            },
            "AccountUsage": { "FunctionCount": services.functions.all().count() },
        }),
    };
    json_reply(StatusCode::OK, &body)
}

/// The mappings of a stack, as Lambda describes them.
pub(crate) fn mappings(stack: &Stack) -> Vec<Value> {
    let arn = |function: &str| stack.functions.get(function).map(|function| function.arn.as_str());
    let described = |mapping: &Mapping| {
        let source = match &mapping.source {
            Source::Stream(stream) => &stream.arn,
            Source::Queue { arn, .. } => arn,
        };
        json!({
            "UUID": mapping.id,
            "FunctionArn": arn(&mapping.function),
            "EventSourceArn": source,
            "BatchSize": mapping.batch_size,
            "MaximumBatchingWindowInSeconds": mapping.batching_window.as_secs(),
            "State": "Enabled",
            "LastProcessingResult": "OK",
        })
    };
    stack.mappings.iter().map(described).collect()
}

fn described(function: &Function) -> Value {
    json!({
        "FunctionName": function.physical_name,
        "FunctionArn": function.arn,
        "Runtime": "provided.al2023",
        "Handler": function.handler,
        "MemorySize": function.memory_mb,
        "Timeout": function.timeout.as_secs(),
        "LastModified": "1970-01-01T00:00:00.000+0000",
        "Version": "$LATEST",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "Environment": { "Variables": function.environment },
    })
}

fn page(name: &str, all: Vec<Value>, page: usize, query: Option<&str>) -> Value {
    let number = |name: &str| {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        pairs.into_iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let (start, most) =
        (number("Marker").unwrap_or_default(), number("MaxItems").unwrap_or(page).clamp(1, page));
    let end = start.saturating_add(most);
    let next = (end < all.len()).then(|| end.to_string());
    let items: Vec<Value> = all.into_iter().skip(start).take(most).collect();
    let mut answer = json!({ (name): items });
    if let Some(next) = next {
        answer["NextMarker"] = json!(next);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_page_by_page() {
        let all: Vec<Value> = (0..5).map(Value::from).collect();
        let first = page("Functions", all.clone(), 50, Some("MaxItems=2"));
        assert_eq!(first, json!({ "Functions": [0, 1], "NextMarker": "2" }));
        let last = page("Functions", all.clone(), 50, Some("MaxItems=2&Marker=4"));
        assert_eq!(last, json!({ "Functions": [4] }));
        assert_eq!(page("Functions", all, 3, None)["NextMarker"], "3");
    }

    #[test]
    fn a_list_has_its_own_path() {
        assert_eq!(at(&Method::GET, "/2015-03-31/functions/"), Some(List::Functions));
        assert_eq!(at(&Method::GET, "/2016-08-19/account-settings/"), Some(List::Settings));
        assert_eq!(at(&Method::GET, "/2015-03-31/functions/send"), None);
        assert_eq!(at(&Method::POST, "/2015-03-31/functions"), None);
    }
}
