//! Patterns and events: the examples of AWS's documentation, and edge cases.

use serde_json::json;

use super::*;

fn check(pattern: &Value, cases: &[(Value, bool)]) {
    let parsed = Pattern::parse(pattern).unwrap();
    for (event, expected) in cases {
        assert_eq!(parsed.matches(event), *expected, "{pattern} with {event}");
    }
}

/// Checks a pattern of one operator on one field.
fn check_field(operator: &Value, matching: &[Value], other: &[Value]) {
    let pattern = json!({"f": [operator]});
    let event = |value: &Value| json!({"f": value, "g": 1});
    let mut cases: Vec<_> = matching.iter().map(|value| (event(value), true)).collect();
    cases.extend(other.iter().map(|value| (event(value), false)));
    check(&pattern, &cases);
}

#[test]
fn plain_values() {
    check_field(
        &json!("a"),
        &[json!("a"), json!(["b", "a"])],
        &[json!("A"), json!("ab"), json!(null), json!(["b"])],
    );
    check_field(&json!(300), &[json!(300)], &[json!("300"), json!(300.5), json!(30)]);
    check_field(&json!(true), &[json!(true)], &[json!(false), json!("true")]);
    check_field(&json!(null), &[json!(null)], &[json!(""), json!("null"), json!([])]);
    check_field(&json!(""), &[json!("")], &[json!(null), json!(" ")]);
}

#[test]
fn strings() {
    check_field(
        &json!({"prefix": "CONN#"}),
        &[json!("CONN#x"), json!("CONN#")],
        &[json!("CONN"), json!("xCONN#"), json!(1)],
    );
    check_field(&json!({"suffix": ".png"}), &[json!("a.png")], &[json!("a.PNG"), json!(".png ")]);
}

#[test]
fn numbers() {
    check_field(
        &json!({"numeric": [">", 0, "<=", 5]}),
        &[json!(1), json!(5), json!(0.1)],
        &[json!(0), json!(5.1), json!("1")],
    );
    check_field(&json!({"numeric": ["=", 3.5]}), &[json!(3.5)], &[json!(3)]);
    check_field(&json!({"numeric": ["=", 300]}), &[json!(300), json!(300.0)], &[json!(301)]);
    check_field(&json!({"numeric": ["<", 10]}), &[json!(-1)], &[json!(10)]);
}

#[test]
fn exclusion() {
    check_field(
        &json!({"anything-but": "a"}),
        &[json!("b"), json!(1), json!(["a", "b"])],
        &[json!("a"), json!(["a"])],
    );
    check_field(&json!({"anything-but": ["a", "b"]}), &[json!("c")], &[json!("a"), json!("b")]);
    check_field(&json!({"anything-but": [1, 2]}), &[json!(3)], &[json!(2)]);
    check_field(&json!({"anything-but": {"prefix": "init"}}), &[json!("done")], &[json!("initial")]);
    check_field(
        &json!({"anything-but": {"suffix": [".a", ".b"]}}),
        &[json!("x.c")],
        &[json!("x.a"), json!("x.b")],
    );
    // The field must be present.
    check(&json!({"f": [{"anything-but": "a"}]}), &[(json!({}), false)]);
}

#[test]
fn presence() {
    let pattern = json!({"d": {"f": [{"exists": true}]}});
    check(
        &pattern,
        &[
            (json!({"d": {"f": 1}}), true),
            (json!({"d": {"f": null}}), true),
            (json!({"d": {"f": []}}), false),
            (json!({"d": {"f": {"g": 1}}}), false),
            (json!({"d": {}}), false),
            (json!({}), false),
        ],
    );
    let pattern = json!({"d": {"f": [{"exists": false}]}});
    check(
        &pattern,
        &[
            (json!({"d": {"f": 1}}), false),
            (json!({"d": {}}), true),
            (json!({}), true),
            (json!({"d": {"f": []}}), true),
        ],
    );
}

#[test]
fn alternatives() {
    check(
        &json!({"s": ["x"], "$or": [{"a": [1]}, {"b": {"c": [{"prefix": "p"}]}}]}),
        &[
            (json!({"s": "x", "a": 1}), true),
            (json!({"s": "x", "b": {"c": "pq"}}), true),
            (json!({"s": "x", "a": 2, "b": {"c": "q"}}), false),
            (json!({"s": "y", "a": 1}), false),
        ],
    );
    // In an array, one element must match the whole object.
    check(
        &json!({"list": {"a": [1], "b": [2]}}),
        &[
            (json!({"list": [{"a": 1, "b": 2}, {}]}), true),
            (json!({"list": [{"a": 1}, {"b": 2}]}), false),
            (json!({"list": []}), false),
        ],
    );
}

#[test]
fn every_value_matches_itself_and_nothing_else() {
    let values = [
        json!(""),
        json!("a"),
        json!("*"),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(true),
        json!(false),
        json!(null),
    ];
    for wanted in &values {
        for given in &values {
            let matched = Pattern::parse(&json!({"f": [wanted]})).unwrap().matches(&json!({"f": given}));
            assert_eq!(matched, wanted == given, "{wanted} {given}");
            if wanted.is_string() || wanted.is_number() {
                let but = Pattern::parse(&json!({"f": [{"anything-but": wanted}]})).unwrap();
                assert_eq!(but.matches(&json!({"f": given})), wanted != given, "but {wanted} {given}");
            }
        }
    }
}

#[test]
fn an_error_has_the_path_to_it() {
    let cases = [
        (json!([]), "a pattern must be an object"),
        (json!({}), "an object in a pattern must not be empty"),
        (json!({"a": "b"}), "a: a value must be in a list"),
        (json!({"a": {"b": []}}), "a: b: the list must not be empty"),
        (json!({"a": [{"like": "b"}]}), "a: like: this operator is not supported locally"),
        (json!({"a": [{"prefix": 1}]}), "a: prefix: must be a string"),
        (json!({"a": [{"prefix": "a", "suffix": "b"}]}), "a: an operator must be an object with one entry"),
        (json!({"a": [{"exists": "no"}]}), "a: exists: must be true or false"),
        (
            json!({"a": [{"numeric": [">", 1, "<"]}]}),
            "a: numeric: must be one or two comparisons with a number",
        ),
        (json!({"a": [{"numeric": ["!", 1]}]}), "a: numeric: ! is not a comparison"),
        (json!({"a": [{"wildcard": "a*"}]}), "a: wildcard: this operator is not supported locally"),
        (
            json!({"a": [{"anything-but": {"cidr": "x"}}]}),
            "a: anything-but: cidr: this operator is not supported locally",
        ),
        (json!({"a": [{"anything-but": [true]}]}), "a: anything-but: must be strings or numbers"),
        (json!({"$or": [{"a": [1]}]}), "$or must have at least two alternatives"),
        (json!({"a": [["b"]]}), "a: a list must not contain lists"),
    ];
    for (pattern, line) in cases {
        let error = Pattern::parse(&pattern).unwrap_err();
        assert_eq!(format!("{error:#}"), line, "{pattern}");
    }
}
