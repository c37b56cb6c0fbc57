"""The HTTP interface of ClickHouse over its engine as a library (chdb): server.py PORT FOLDER.

Answers /ping, and POST with the statement in ?query= or at the start of the body, param_* and database. One request at a time, and no users.
"""
import gzip
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlparse

from chdb import session

engine = session.Session(sys.argv[2])


class Handler(BaseHTTPRequestHandler):
    # HTTP/1.0: a connection that stays open would keep all others waiting, since requests are served one after another.
    def do_GET(self):
        self.answer(200, 'Ok.\n')

    def do_POST(self):
        asked = {name: values[0] for name, values in parse_qs(urlparse(self.path).query).items()}
        body = self.rfile.read(int(self.headers.get('content-length', 0)))
        if self.headers.get('content-encoding') == 'gzip':
            body = gzip.decompress(body)
        statement = '\n'.join(part for part in (asked.get('query', ''), body.decode()) if part)
        params = {name[6:]: value for name, value in asked.items() if name.startswith('param_')}
        try:
            result = engine.query(statement, 'JSONEachRow', params=params) if params else engine.query(statement, 'JSONEachRow')
            self.answer(200, str(result))
        except Exception as error:
            self.answer(500 if 'MEMORY_LIMIT' in str(error) else 400, str(error))

    def answer(self, status, text):
        data = text.encode()
        self.send_response(status)
        self.send_header('content-length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
