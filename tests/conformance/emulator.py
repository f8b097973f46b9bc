"""ministack, with the parts of API Gateway that it lacks and that the whole suite stands on.

Each function below mends one thing and names the AWS page that it follows; it wraps what is there and replaces
nothing that works. What is only wrong in one or two tests is not mended here: those tests are in `deviations.txt`.
Nothing here knows funnelcast: it is a better ministack, not one that is bent until the suite passes.

Run by `run.py`, which sets the environment that ministack reads (its port, its folders).
"""

import contextvars
import json

from ministack import app
from ministack.services import apigateway, lambda_svc
from ministack.services.cloudformation import provisioners

# What `$connect` answered, for the handshake of the task that asked.
connect_answer = contextvars.ContextVar("connect_answer")


class Unauthorized(Exception):
    """An authorizer failed with exactly this word."""


def main():
    handlers = provisioners._RESOURCE_HANDLERS
    handlers["AWS::ApiGatewayV2::RouteResponse"] = {"create": create_route_response, "delete": delete_route_response}
    api, authorizer = handlers["AWS::ApiGatewayV2::Api"], handlers["AWS::ApiGatewayV2::Authorizer"]
    api["create"] = with_known_id(api["create"])
    authorizer["create"] = without_default_identity_source(authorizer["create"])

    apigateway._invoke_ws_lambda = answering_by_route_response(apigateway._invoke_ws_lambda)
    apigateway.handle_websocket = choosing_subprotocol(apigateway.handle_websocket)
    lambda_svc._execute_function_with_config_scope = raising_unauthorized(
        lambda_svc._execute_function_with_config_scope
    )
    apigateway._authorize_ws_connect = refusing_with_401(apigateway._authorize_ws_connect)
    app.main()


# ---------------------------------------------------------------- CloudFormation


def create_route_response(logical_id, props, stack_name):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-routeresponse.html"""
    api_id, route_id = props["ApiId"], props["RouteId"].split("/")[-1]
    status, _, body = apigateway._create_route_response(api_id, route_id, {"routeResponseKey": props["RouteResponseKey"]})
    if status >= 400:
        raise ValueError(f"{logical_id}: {body!r}")
    response_id = json.loads(body)["routeResponseId"]
    return f"{api_id}/{route_id}/{response_id}", {"RouteResponseId": response_id}


def delete_route_response(physical_id, _props):
    apigateway._delete_route_response(*physical_id.split("/"))


def with_known_id(create):
    """An API's id is its logical id in lower case: the functions need the address of `@connections`, which ministack
    does not have where AWS has it, as a parameter of the deployment that makes the API."""

    def create_api(logical_id, props, stack_name):
        tags = {**(props.get("Tags") or {}), "ms-custom-id": logical_id.lower()}
        return create(logical_id, {**props, "Tags": tags}, stack_name)

    return create_api


def without_default_identity_source(create):
    """An authorizer that names no identity source needs none; ministack asks for an `Authorization` header then:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigatewayv2-authorizer.html"""

    def create_authorizer(logical_id, props, stack_name):
        return create(logical_id, {"IdentitySource": [], **props}, stack_name)

    return create_authorizer


# ---------------------------------------------------------------- the WebSocket API


def answering_by_route_response(invoke):
    """A route answers only where it has a route response:
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
    """The subprotocol is the one that `$connect` answers with:
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


# A function that is not allowed to say who somebody is fails with the word "Unauthorized", and that is a 401; any
# other failure is a 500, which is all that ministack knows:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html


def raising_unauthorized(execute):
    def execute_function(record, event, *rest, **options):
        result = execute(record, event, *rest, **options)
        is_authorizer = event.get("type") == "REQUEST" and "methodArn" in event
        if is_authorizer and result.get("error") and result["body"].get("errorMessage") == "Unauthorized":
            raise Unauthorized
        return result

    return execute_function


def refusing_with_401(authorize):
    async def authorize_connect(*arguments):
        try:
            return await authorize(*arguments)
        except Unauthorized:
            return (401, "Unauthorized"), None

    return authorize_connect


if __name__ == "__main__":
    main()
