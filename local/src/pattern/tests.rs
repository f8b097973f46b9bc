//! Patterns against events: the examples of AWS's documentation, and the edges around them.

use serde_json::json;

use super::*;

fn check(pattern: &Value, cases: &[(Value, bool)]) {
    let parsed = Pattern::parse(pattern).unwrap();
    for (event, expected) in cases {
        assert_eq!(parsed.matches(event), *expected, "{pattern} with {event}");
    }
}

/// A pattern of one operator, held against one field.
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
    check_field(
        &json!({"prefix": {"equals-ignore-case": "eVe"}}),
        &[json!("EVENT")],
        &[json!("ev"), json!(["e"])],
    );
    check_field(&json!({"suffix": ".png"}), &[json!("a.png")], &[json!("a.PNG"), json!(".png ")]);
    check_field(&json!({"suffix": {"equals-ignore-case": ".png"}}), &[json!("a.PNG")], &[json!("png")]);
    check_field(
        &json!({"equals-ignore-case": "Alice"}),
        &[json!("aLICE")],
        &[json!("alic"), json!("alices")],
    );
}

#[test]
fn wildcards() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("a*c", &["ac", "abc", "aXcYc"], &["ab", "cac", "abcd"]),
        ("*", &["", "x"], &[]),
        ("*x*", &["x", "axb"], &["", "y"]),
        ("a*b*c", &["abc", "a1b2b3c"], &["acb", "ab", "bc"]),
        (r"a\*b", &["a*b"], &["axb", "a**b"]),
        (r"a\\*", &[r"a\", r"a\x"], &["a*", "ax"]),
        ("é*", &["é", "éa"], &["e"]),
    ];
    for (pattern, matching, other) in cases {
        let values = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
        check_field(&json!({"wildcard": pattern}), &values(matching), &values(other));
    }
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
fn addresses() {
    check_field(
        &json!({"cidr": "10.0.0.0/24"}),
        &[json!("10.0.0.255")],
        &[json!("10.0.1.0"), json!("::1"), json!("x")],
    );
    check_field(&json!({"cidr": "0.0.0.0/0"}), &[json!("8.8.8.8")], &[json!("::1")]);
    check_field(&json!({"cidr": "2001:db8::/32"}), &[json!("2001:db8:1::")], &[json!("2001:db9::")]);
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
    check_field(&json!({"anything-but": {"equals-ignore-case": "X"}}), &[json!("y")], &[json!("x")]);
    check_field(&json!({"anything-but": {"wildcard": "*/lib/*"}}), &[json!("/usr")], &[json!("/usr/lib/x")]);
    // What is excluded must still be there.
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
    // In an array, one element must satisfy the whole of what is asked.
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
fn what_is_no_pattern_says_where() {
    let cases = [
        (json!([]), "a pattern is an object"),
        (json!({}), "an object of a pattern is not empty"),
        (json!({"a": "b"}), "a: a value stands in a list"),
        (json!({"a": {"b": []}}), "a: b: an empty list matches nothing"),
        (json!({"a": [{"like": "b"}]}), "a: like: no such operator"),
        (json!({"a": [{"prefix": 1}]}), "a: prefix: takes a string"),
        (json!({"a": [{"prefix": "a", "suffix": "b"}]}), "a: an operator is an object of one entry"),
        (json!({"a": [{"exists": "no"}]}), "a: exists: takes true or false"),
        (
            json!({"a": [{"numeric": [">", 1, "<"]}]}),
            "a: numeric: takes one or two comparisons with a number",
        ),
        (json!({"a": [{"numeric": ["!", 1]}]}), "a: numeric: ! is no comparison"),
        (json!({"a": [{"wildcard": "a**"}]}), "a: wildcard: ** is not allowed"),
        (json!({"a": [{"anything-but": {"cidr": "x"}}]}), "a: anything-but: cidr: no such operator here"),
        (json!({"a": [{"anything-but": [true]}]}), "a: anything-but: takes strings or numbers"),
        (json!({"a": [{"cidr": "10.0.0.0/33"}]}), "a: cidr: the prefix is too long"),
        (json!({"$or": [{"a": [1]}]}), "$or takes two alternatives or more"),
        (json!({"a": [["b"]]}), "a: a list holds no lists"),
    ];
    for (pattern, line) in cases {
        let error = Pattern::parse(&pattern).unwrap_err();
        assert_eq!(format!("{error:#}"), line, "{pattern}");
    }
}
