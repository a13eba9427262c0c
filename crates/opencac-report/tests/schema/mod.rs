//! A validator for the part of JSON Schema that `docs/result.schema.json` uses. It fails on any keyword it does
//! not know, so that the schema cannot outgrow it unnoticed.

#![allow(clippy::expect_used, clippy::panic, reason = "a schema beyond the validator fails the test")]

use serde_json::{Map, Value};

/// The ways in which a value does not follow a schema, each with its place.
pub fn violations(root: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(root, root, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let schema = schema.as_object().expect("a schema is an object");
    for (keyword, rule) in schema {
        let complaint = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => None,
            "$ref" => {
                let name = rule.as_str().and_then(|r| r.strip_prefix("#/$defs/")).expect("a local reference");
                check(root, &root["$defs"][name], value, place, found);
                None
            }
            "type" => (!has_type(rule, value)).then(|| format!("is not of type {rule}")),
            "const" => (value != rule).then(|| format!("is not {rule}")),
            "enum" => (!list(rule).contains(value)).then(|| format!("is none of {rule}")),
            "anyOf" => {
                let fits = |option: &Value| {
                    let mut inner = Vec::new();
                    check(root, option, value, place, &mut inner);
                    inner.is_empty()
                };
                (!list(rule).iter().any(fits)).then(|| "fits no alternative".to_owned())
            }
            "required" => {
                let present = |key: &Value| value.get(key.as_str().expect("a key")).is_some();
                let missing: Vec<_> = list(rule).iter().filter(|key| !present(key)).collect();
                (value.is_object() && !missing.is_empty()).then(|| format!("lacks {missing:?}"))
            }
            "properties" => {
                check_properties(root, rule, value, place, found);
                None
            }
            "items" => {
                for (n, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{place}[{n}]"), found);
                }
                None
            }
            "minItems" => {
                value.as_array().filter(|v| (v.len() as u64) < whole(rule)).map(|_| "is short".into())
            }
            "maxItems" => value.as_array().filter(|v| v.len() as u64 > whole(rule)).map(|_| "is long".into()),
            "minimum" => {
                value.as_f64().filter(|&v| Some(v) < rule.as_f64()).map(|v| format!("{v} is too small"))
            }
            "maximum" => {
                value.as_f64().filter(|&v| Some(v) > rule.as_f64()).map(|v| format!("{v} is too large"))
            }
            other => panic!("the validator does not know the keyword {other:?}"),
        };
        found.extend(complaint.map(|complaint| format!("{place} {complaint}")));
    }
}

fn check_properties(root: &Value, rule: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let empty = Map::new();
    let object = value.as_object().unwrap_or(&empty);
    for (key, schema) in rule.as_object().expect("properties are an object") {
        if let Some(value) = object.get(key) {
            check(root, schema, value, &format!("{place}.{key}"), found);
        }
    }
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the validator does not know the type {other:?}"),
    };
    match rule {
        Value::String(name) => is(name),
        names => list(names).iter().filter_map(Value::as_str).any(is),
    }
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().expect("a list")
}

fn whole(rule: &Value) -> u64 {
    rule.as_u64().expect("a whole number")
}
