"""Receives OpenTelemetry logs over HTTP and gRPC with the project's own messages, and writes each record as a line.

Arguments: the port for HTTP, that for gRPC, the file to write, the header value that authorizes, and for TLS over gRPC
the files of key and certificate.
"""

import gzip
import http.server
import json
import sys
import threading
from concurrent import futures

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as messages
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as service

http_port, grpc_port, path, authorized, *tls = sys.argv[1:]
out = open(path, "a", encoding="utf-8")
lock = threading.Lock()


def write(request, way):
    with lock:
        for resource_logs in request.resource_logs:
            for scope_logs in resource_logs.scope_logs:
                for record in scope_logs.log_records:
                    line = {
                        "way": way,
                        "resource": MessageToDict(resource_logs.resource),
                        "scope": MessageToDict(scope_logs.scope),
                        "record": MessageToDict(record),
                    }
                    out.write(json.dumps(line) + "\n")
        out.flush()


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        encoding = self.headers.get("content-encoding", "identity")
        if self.headers.get("authorization", "") != authorized:
            return self.answer(401, b"")
        if self.path != "/v1/logs" or self.headers["content-type"] != "application/x-protobuf":
            return self.answer(404, b"")
        if encoding == "gzip":
            body = gzip.decompress(body)
        write(messages.ExportLogsServiceRequest.FromString(body), f"http {encoding}")
        self.answer(200, messages.ExportLogsServiceResponse().SerializeToString())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Grpc(service.LogsServiceServicer):
    def Export(self, request, context):
        metadata = dict(context.invocation_metadata())
        if metadata.get("authorization", "") != authorized:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        write(request, "grpc")
        return messages.ExportLogsServiceResponse()


server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
service.add_LogsServiceServicer_to_server(Grpc(), server)
address = f"127.0.0.1:{grpc_port}"
if tls:
    key, certificate = (open(name, "rb").read() for name in tls)
    server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
else:
    server.add_insecure_port(address)
server.start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(http_port)), Http).serve_forever()
