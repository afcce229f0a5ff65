/** nginx as the yardstick: one worker, 64 idle upstream connections, HTTP/1.1 on both sides, no access log. */

export type NginxOptions = {
  /** An empty directory of its own. */
  readonly prefix: string;
  readonly port: number;
  readonly upstreamPort: number;
  /** Workers change to another user when the master is root, and then cannot write below the prefix. */
  readonly root: boolean;
};

/** Paths below `/unbuffered` are passed on frame by frame, as a stream must be. */
export function nginxConf(options: NginxOptions): string {
  const { prefix, port, upstreamPort, root } = options;
  return `${root ? "user root;\n" : ""}worker_processes 1;
daemon off;
pid ${prefix}/nginx.pid;
error_log ${prefix}/error.log warn;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  client_max_body_size 32m;
  client_body_buffer_size 64k;
  client_body_temp_path ${prefix}/body;
  proxy_temp_path ${prefix}/proxy;
  fastcgi_temp_path ${prefix}/fastcgi;
  uwsgi_temp_path ${prefix}/uwsgi;
  scgi_temp_path ${prefix}/scgi;
  upstream provider {
    server 127.0.0.1:${upstreamPort};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://provider; }
    location /unbuffered/ { proxy_buffering off; proxy_pass http://provider/; }
  }
}
`;
}
