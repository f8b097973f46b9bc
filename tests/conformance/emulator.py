"""ministack, with the behaviour of AWS that it lacks and that the whole suite needs.

Each function below corrects one thing and names the AWS page that it follows. It wraps what ministack has, and replaces
nothing that works. What matters to only one or two tests is not corrected: those tests are in `deviations.txt`. Nothing
here is specific to funnelcast: it makes ministack more like AWS, and does not bend it until the suite passes.

Run by `run.py`, which sets the environment that ministack reads (its port, its folders).
"""

import contextvars
import json
import threading
import time

from hypercorn.asyncio.tcp_server import TCPServer
from ministack import app
from ministack.services import apigateway, eventbridge, lambda_svc
from ministack.services.cloudformation import provisioners

# Each invocation under way has a process of its own and some 10 of the emulator's files, of which it may have 1,024.
INVOCATIONS_AT_ONCE = 4

# The pauses between the tries of a stream's batch, which hold up the rest of the stream.
BACKOFF_SECONDS_MIN = 0.1
BACKOFF_SECONDS_MAX = 0.5

# What `$connect` answered, for the handshake in the same task.
connect_answer = contextvars.ContextVar("connect_answer")


class Unauthorized(Exception):
    """An authorizer failed with exactly the message "Unauthorized"."""


def main():
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::ApiGatewayV2::RouteResponse"] = {"create": create_route_response, "delete": delete_route_response}
    api, authorizer = handlers["AWS::ApiGatewayV2::Api"], handlers["AWS::ApiGatewayV2::Authorizer"]
    api["create"] = importing_body(with_known_id(api["create"]))
    authorizer["create"] = without_default_identity_source(authorizer["create"])
    mapping = handlers["AWS::Lambda::EventSourceMapping"]
    mapping["create"] = with_whole_concurrency(mapping["create"])

    apigateway._invoke_ws_lambda = answering_by_route_response(apigateway._invoke_ws_lambda)
    apigateway.handle_websocket = choosing_subprotocol(apigateway.handle_websocket)
    lambda_svc._execute_function_with_config_scope = raising_unauthorized(
        lambda_svc._execute_function_with_config_scope
    )
    apigateway._authorize_ws_connect = refusing_with_401(apigateway._authorize_ws_connect)
    eventbridge._dispatch_to_lambda = dispatch_to_lambda
    TCPServer._read_data = closing_what_the_peer_has_closed(TCPServer._read_data)
    lambda_svc._execute_function_dispatch = waiting_for_a_turn(lambda_svc._execute_function_dispatch)
    lambda_svc._execute_function = going_on_from_what_failed(lambda_svc._execute_function)
    app.main()


# ---------------------------------------------------------------- CloudFormation


def create_route_response(logical_id, props, stack_name):
    """Makes a resource whose type ministack refuses, by the operation that it has:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-routeresponse.html"""
    api_id, route_id = props["ApiId"], props["RouteId"].split("/")[-1]
    response = {"routeResponseKey": props["RouteResponseKey"]}
    status, _, body = apigateway._create_route_response(api_id, route_id, response)
    if status >= 400:
        raise ValueError(f"{logical_id}: {body!r}")
    response_id = json.loads(body)["routeResponseId"]
    return f"{api_id}/{route_id}/{response_id}", {"RouteResponseId": response_id}


def delete_route_response(physical_id, _props):
    apigateway._delete_route_response(*physical_id.split("/"))


def with_known_id(create):
    """Makes an API's id its logical id in lower case. ministack has `@connections` at another address than AWS, so the
    functions need it as a parameter of the same deployment that makes the API, which must know the id beforehand."""

    def create_api(logical_id, props, stack_name):
        tags = {**(props.get("Tags") or {}), "ms-custom-id": logical_id.lower()}
        return create(logical_id, {**props, "Tags": tags}, stack_name)

    return create_api


def importing_body(create):
    """Reads the routes and the CORS settings of an HTTP API from its `Body`, an OpenAPI document, where SAM writes them:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-open-api.html
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-cors-configuration.html"""

    def create_api(logical_id, props, stack_name):
        api_id, attributes = create(logical_id, props, stack_name)
        body = props.get("Body") or {}
        if cors := body.get("x-amazon-apigateway-cors"):
            apigateway._update_api(api_id, {"corsConfiguration": cors})
        for path, methods in body.get("paths", {}).items():
            for method, operation in methods.items():
                if integration := operation.get("x-amazon-apigateway-integration"):
                    import_route(api_id, path, method, integration)
        return api_id, attributes

    return create_api


def import_route(api_id, path, method, integration):
    target = {
        "integrationType": integration["type"].upper(),
        "integrationUri": integration["uri"],
        "payloadFormatVersion": integration["payloadFormatVersion"],
    }
    integration_id = json.loads(apigateway._create_integration(api_id, target)[2])["integrationId"]
    method = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
    key = "$default" if path == "/$default" else f"{method} {path}"
    apigateway._create_route(api_id, {"routeKey": key, "target": f"integrations/{integration_id}"})


def without_default_identity_source(create):
    """Lets an authorizer without an identity source need none, where ministack requires an `Authorization` header:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-authorizer.html"""

    def create_authorizer(logical_id, props, stack_name):
        return create(logical_id, {"IdentitySource": [], **props}, stack_name)

    return create_authorizer


def with_whole_concurrency(create):
    """Makes `MaximumConcurrency` a number; ministack leaves a parameter of the type `Number` a string:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"""

    def create_mapping(logical_id, props, stack_name):
        scaling = props.get("ScalingConfig") or {}
        if "MaximumConcurrency" in scaling:
            scaling = {**scaling, "MaximumConcurrency": int(scaling["MaximumConcurrency"])}
            props = {**props, "ScalingConfig": scaling}
        return create(logical_id, props, stack_name)

    return create_mapping


# ---------------------------------------------------------------- the WebSocket API


def answering_by_route_response(invoke):
    """Lets a route answer only if it has a route response:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html"""

    async def invoke_route(api_id, account_id, region, route, stage, connection_id, event_type, *rest, **options):
        answer = await invoke(api_id, account_id, region, route, stage, connection_id, event_type, *rest, **options)
        if event_type == "CONNECT":
            connect_answer.set(answer or {})
        responses = apigateway._route_responses.get(api_id, {}).get(route["routeId"])
        if event_type == "MESSAGE" and not (responses and route.get("routeResponseSelectionExpression")):
            return None
        return answer

    return invoke_route


def choosing_subprotocol(handle):
    """Chooses the subprotocol that `$connect` answers with:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html"""

    async def handle_websocket(scope, receive, send, *rest, **options):
        async def send_with_subprotocol(message):
            if message["type"] == "websocket.accept":
                headers = connect_answer.get({}).get("headers") or {}
                chosen = {name.lower(): value for name, value in headers.items()}.get("sec-websocket-protocol")
                message = {**message, "subprotocol": chosen}
            await send(message)

        await handle(scope, receive, send_with_subprotocol, *rest, **options)

    return handle_websocket


def raising_unauthorized(execute):
    """Recognises an authorizer that fails with the message "Unauthorized", which means 401. Any other failure means 500,
    which is the only status that ministack knows:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html"""

    def execute_function(record, event, *rest, **options):
        result = execute(record, event, *rest, **options)
        is_authorizer = event.get("type") == "REQUEST" and "methodArn" in event
        if is_authorizer and result.get("error") and result["body"].get("errorMessage") == "Unauthorized":
            raise Unauthorized
        return result

    return execute_function


def refusing_with_401(authorize):
    """The other half of `raising_unauthorized`: refuses with 401 where that has raised."""

    async def authorize_connect(*arguments):
        try:
            return await authorize(*arguments)
        except Unauthorized:
            return (401, "Unauthorized"), None

    return authorize_connect


# ---------------------------------------------------------------- the server


def closing_what_the_peer_has_closed(read_data):
    """Closes a connection that the peer has closed at once, not after the 75 s that an idle one may last. Otherwise
    thousands of them pile up, and the process runs out of files."""

    async def read_until_closed(server):
        await read_data(server)
        await server.idle_task.stop()

    return read_until_closed


# ---------------------------------------------------------------- Lambda


def waiting_for_a_turn(execute):
    """Makes invocations above the limit wait: AWS serves a thousand at once, but one machine runs out of files, so that
    those above the limit would fail. No function may invoke another one and wait for it."""
    turns = threading.BoundedSemaphore(INVOCATIONS_AT_ONCE)

    def execute_function(*arguments):
        with turns:
            return execute(*arguments)

    return execute_function


# ---------------------------------------------------------------- EventBridge


def dispatch_to_lambda(arn, payload):
    """Lets a rule invoke a function asynchronously, with retries, and with the destination for what still fails:
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        raise LookupError(f"the target of a rule does not exist: {name}")
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


# ---------------------------------------------------------------- the table's stream


def going_on_from_what_failed(execute):
    """Retries a stream's batch from the record that the function names as failed, bisects it, and sends it to the
    dead-letter queue in the end. ministack takes a batch with such a record for done, and retries one that raises for ever:
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html"""

    def execute_function(function, event):
        records = event.get("Records") if isinstance(event, dict) else None
        mapping = mapping_of(records[0]) if records else None
        if not mapping:
            return execute(function, event)
        retries_max = int(mapping.get("MaximumRetryAttempts", -1))  # -1: for ever
        batches, log = [(records, 0)], []
        while batches:
            records, retries = batches.pop()
            result = execute(function, {"Records": records})
            log.append(result.get("log", ""))
            failed = first_failed(records, result, mapping["FunctionResponseTypes"])
            if failed is None:
                continue
            records = records[failed:]
            if failed == 0 and len(records) > 1 and mapping.get("BisectBatchOnFunctionError"):
                middle = (len(records) + 1) // 2
                batches += [(records[middle:], retries), (records[:middle], retries)]
            elif retries_max < 0 or retries < retries_max:
                time.sleep(min(BACKOFF_SECONDS_MIN * 2**retries, BACKOFF_SECONDS_MAX))
                batches.append((records, retries + 1))
            else:
                arn, why = mapping["EventSourceArn"], "RetryAttemptsExhausted"
                lambda_svc._send_ddb_stream_failure_record(mapping, function, records, arn, result, why)
        return {"body": None, "log": "\n".join(log)}

    return execute_function


def mapping_of(record):
    """The event source mapping by which a record of a table's stream has come, or `None` for any other record."""
    if record.get("eventSource") != "aws:dynamodb":
        return None
    return next(mapping for mapping in lambda_svc._esms.values() if mapping["EventSourceArn"] == record["eventSourceARN"])


def first_failed(records, result, response_types):
    """The index of the first record that failed, or `None`. Where the function fails without naming one, it is 0."""
    if result.get("error"):
        return 0
    failures = (result.get("body") or {}).get("batchItemFailures")
    if not failures or "ReportBatchItemFailures" not in response_types:
        return None
    failed = {failure["itemIdentifier"] for failure in failures}
    return next((n for n, record in enumerate(records) if record["dynamodb"]["SequenceNumber"] in failed), 0)


if __name__ == "__main__":
    main()
