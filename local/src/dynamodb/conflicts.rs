//! Conflicts with transactions, which the engine never has, because it carries out one call after the other.
//!
//! DynamoDB refuses a write of an item while a transaction on the same item is under way. It does not read the condition of
//! the write first, and has changed nothing:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use serde_json::{Value, json};

use crate::{aws_error::AwsError, iam::Request};

/// The writes of single items that DynamoDB refuses like this.
const SINGLE_WRITES: [&str; 3] = ["DeleteItem", "PutItem", "UpdateItem"];
/// The most partitions that are remembered; then it begins again with none.
const PARTITIONS_MAX: usize = 10_000;

/// The partitions in which transactions have written, so that another write may meet one there.
#[derive(Debug, Default)]
pub(crate) struct Transactions {
    /// By table and partition key.
    partitions: Mutex<HashSet<(String, String)>>,
}

impl Transactions {
    /// How a call would be refused if a transaction were under way on an item that it writes; `None` if it is no such
    /// call, or no transaction has ever written in the partition. `requests` are what the call asks for.
    ///
    /// A transaction conflicts with its first item only.
    pub(crate) fn refusal(&self, operation: &str, requests: &[Request]) -> Option<AwsError> {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let of_requests = requests.iter().flat_map(|request| {
            request.leading_keys.iter().map(|key| (request.resource.clone(), key.clone()))
        });
        if operation == "TransactWriteItems" {
            if partitions.len() > PARTITIONS_MAX {
                partitions.clear();
            }
            partitions.extend(of_requests);
            return (!requests.is_empty()).then(|| cancelled(requests.len()));
        }
        let mut of_requests = of_requests;
        let is_single = SINGLE_WRITES.contains(&operation);
        (is_single && of_requests.any(|partition| partitions.contains(&partition)))
            .then(|| AwsError::client("TransactionConflictException", "Transaction is ongoing for the item"))
    }
}

/// The cancellation of a transaction of so many items.
fn cancelled(items: usize) -> AwsError {
    let conflict = json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" });
    let reasons: Vec<Value> =
        std::iter::once(conflict).chain(std::iter::repeat(json!({ "Code": "None" }))).take(items).collect();
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let mut error = AwsError::client("TransactionCanceledException", message);
    error.members.insert("CancellationReasons".to_owned(), reasons.into());
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(keys: &[&str]) -> Vec<Request> {
        let one = |key: &&str| Request {
            leading_keys: vec![(*key).to_owned()],
            ..Request::new("dynamodb:PutItem", "arn:aws:dynamodb:us-east-1:000000000000:table/t")
        };
        keys.iter().map(one).collect()
    }

    #[test]
    fn a_write_conflicts_where_a_transaction_has_written() {
        let transactions = Transactions::default();
        let code = |operation: &str, keys: &[&str]| {
            transactions.refusal(operation, &writes(keys)).map(|error| error.code)
        };
        let conflict = Some("TransactionConflictException".to_owned());
        assert_eq!(code("PutItem", &["a"]), None, "no transaction has written there");
        assert_eq!(code("TransactWriteItems", &["a", "b"]), Some("TransactionCanceledException".to_owned()));
        for operation in ["PutItem", "UpdateItem", "DeleteItem"] {
            assert_eq!(code(operation, &["a"]), conflict, "{operation}");
            assert_eq!(code(operation, &["c"]), None, "{operation}");
        }
        for operation in ["GetItem", "Query", "BatchGetItem", "BatchWriteItem", "TransactGetItems"] {
            assert_eq!(code(operation, &["a"]), None, "{operation}");
        }
    }

    #[test]
    fn a_cancelled_transaction_has_a_reason_for_each_item() {
        let error = Transactions::default().refusal("TransactWriteItems", &writes(&["a", "a", "b"])).unwrap();
        let codes = ["TransactionConflict", "None", "None"];
        let reasons = error.members["CancellationReasons"].as_array().unwrap();
        assert!(reasons.iter().map(|reason| &reason["Code"]).eq(codes), "{reasons:?}");
        assert!(error.message.ends_with("[TransactionConflict, None, None]"), "{}", error.message);
        assert_eq!(error.status, 400);
    }
}
