//! The value of every intrinsic, and every error.

use serde_json::json;

use super::*;

const TEMPLATE: &str = r#"
Parameters:
  Stage: {Type: String, Default: dev}
  Empty: {Type: String, Default: ""}
  Hosts: {Type: CommaDelimitedList, Default: "a,b"}
Mappings:
  Sizes: {dev: {Memory: 128}}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsProd: !Equals [!Ref Stage, prod]
  HasEmpty: !Not [!Equals [!Ref Empty, ""]]
  Both: !And [!Condition IsDev, !Condition HasEmpty]
  Either: !Or [!Condition IsDev, !Condition HasEmpty]
  Loop: !Not [!Condition Loop]
Resources:
  Api: {Type: "AWS::Serverless::WebSocketApi", Properties: {Routes: {$connect: {}, join: {}}}}
  Web: {Type: "AWS::Serverless::HttpApi"}
  Table: {Type: "AWS::DynamoDB::Table", Properties: {StreamSpecification: {StreamViewType: KEYS_ONLY}}}
  Bare: {Type: "AWS::DynamoDB::Table"}
  Queue: {Type: "AWS::SQS::Queue"}
  Bus: {Type: "AWS::Events::EventBus", Properties: {Name: !Sub "bus-${Stage}"}}
  Circle: {Type: "AWS::Events::EventBus", Properties: {Name: !Ref Circle}}
  Send: {Type: "AWS::Serverless::Function", Properties: {Events: {Tick: {Type: Schedule}}}}
"#;

fn evaluate(yaml: &str) -> Result<Option<Value>, String> {
    let document = Document::parse(TEMPLATE).unwrap();
    let endpoints =
        Endpoints { aws: "http://127.0.0.1:3001".to_owned(), http: "http://127.0.0.1:3000".to_owned() };
    let parameters = super::super::parameters::values(&document.parameters, &BTreeMap::new()).unwrap();
    let stack_name = "funnelcast-dev".to_owned();
    let resolver =
        Resolver { document: &document, parameters, endpoints: &endpoints, stack_name, depth: Cell::new(0) };
    let wrapped =
        Document::parse(&format!("Resources: {{X: {{Type: T, Properties: {{V: {yaml}}}}}}}")).unwrap();
    resolver.resolve(&wrapped.resources["X"].properties["V"]).map_err(|error| format!("{error:#}"))
}

#[test]
fn values() {
    let ten = names::api_id("Api");
    let web = names::api_id("Web");
    let cases = [
        ("plain", json!("plain")),
        ("7", json!(7)),
        ("!Ref Stage", json!("dev")),
        ("!Ref Hosts", json!(["a", "b"])),
        ("!Ref Table", json!("funnelcast-dev-Table")),
        ("!Ref Queue", json!("http://127.0.0.1:3001/000000000000/funnelcast-dev-Queue")),
        ("!Ref Bus", json!("bus-dev")),
        ("!Ref Api", json!(ten)),
        ("!Ref ApiConnectRoute", json!("ApiConnectRoute")),
        ("!Ref ApiJoinRoute", json!("ApiJoinRoute")),
        ("!Ref AWS::Region", json!("us-east-1")),
        ("!GetAtt Table.Arn", json!("arn:aws:dynamodb:us-east-1:000000000000:table/funnelcast-dev-Table")),
        ("!GetAtt [Queue, Arn]", json!("arn:aws:sqs:us-east-1:000000000000:funnelcast-dev-Queue")),
        ("!GetAtt Send.Arn", json!("arn:aws:lambda:us-east-1:000000000000:function:funnelcast-dev-Send")),
        ("!GetAtt SendRole.Arn", json!("arn:aws:iam::000000000000:role/funnelcast-dev-SendRole")),
        ("!GetAtt SendTick.Arn", json!("arn:aws:events:us-east-1:000000000000:rule/funnelcast-dev-SendTick")),
        ("!GetAtt Bus.Arn", json!("arn:aws:events:us-east-1:000000000000:event-bus/bus-dev")),
        (
            "!Sub \"${Stage}/${Table.Arn}/${!Stage}/$x\"",
            json!("dev/arn:aws:dynamodb:us-east-1:000000000000:table/funnelcast-dev-Table/${Stage}/$x"),
        ),
        ("!Sub [\"${A}-${Stage}\", {A: !Ref Bus}]", json!("bus-dev-dev")),
        ("!If [IsDev, 1, 2]", json!(1)),
        ("!If [IsProd, 1, 2]", json!(2)),
        ("!If [Both, 1, 2]", json!(2)),
        ("!If [Either, 1, 2]", json!(1)),
        ("{A: !If [IsProd, 1, !Ref AWS::NoValue], B: 2}", json!({"B": 2})),
        ("[1, !If [IsProd, 2, !Ref AWS::NoValue], 3]", json!([1, 3])),
        ("!Join [\"-\", [a, !Ref Stage, 1]]", json!("a-dev-1")),
        ("!Join [\",\", !Ref Hosts]", json!("a,b")),
        ("!Split [\"/\", \"x/y\"]", json!(["x", "y"])),
        ("!FindInMap [Sizes, !Ref Stage, Memory]", json!(128)),
        (
            "!Sub \"https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Stage}\"",
            json!("http://127.0.0.1:3001/dev"),
        ),
        (
            "!Sub \"wss://${Api}.execute-api.${AWS::Region}.amazonaws.com/dev\"",
            json!("ws://127.0.0.1:3001/dev"),
        ),
        (
            "!Join [\"\", [\"https://\", !Ref Web, \".execute-api.us-east-1.amazonaws.com\"]]",
            json!("http://127.0.0.1:3000"),
        ),
        (
            "\"https://other.execute-api.us-east-1.amazonaws.com\"",
            json!("https://other.execute-api.us-east-1.amazonaws.com"),
        ),
        ("!Ref Web", json!(web)),
    ];
    for (yaml, value) in cases {
        assert_eq!(evaluate(yaml), Ok(Some(value)), "{yaml}");
    }
    assert_eq!(evaluate("!Ref AWS::NoValue"), Ok(None));
}

#[test]
fn errors_name_what_is_wrong() {
    let cases = [
        ("!Ref Nope", "Nope is neither a parameter nor a resource of the template"),
        ("!Ref ApiLeaveRoute", "ApiLeaveRoute is neither a parameter nor a resource of the template"),
        ("!GetAtt Nope.Arn", "Nope.Arn: Nope is not a resource of the template"),
        ("!GetAtt Table.Colour", "Table (AWS::DynamoDB::Table) has no attribute Colour that is emulated"),
        ("!GetAtt Bare.StreamArn", "Bare has no StreamSpecification, and so no StreamArn"),
        ("!If [Nope, 1, 2]", "the template has no condition Nope"),
        ("!If [IsDev, 1]", "Fn::If takes 3 arguments"),
        ("!Select [5, [a]]", "Fn::Select is not supported locally"),
        ("!Sub \"${Stage\"", "Fn::Sub: ${ without }"),
        ("!Base64 x", "Fn::Base64 is not supported locally"),
        ("!FindInMap [Sizes, prod, Memory]", "Mappings has no Sizes.prod.Memory"),
    ];
    for (yaml, line) in cases {
        assert_eq!(evaluate(yaml), Err(line.to_owned()), "{yaml}");
    }
}

#[test]
fn circular_references_are_an_error() {
    assert!(evaluate("!Ref Circle").unwrap_err().ends_with("the references are circular"));
    assert!(evaluate("!If [Loop, 1, 2]").unwrap_err().ends_with("the references are circular"));
}
