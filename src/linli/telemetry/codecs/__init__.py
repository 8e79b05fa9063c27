"""Device protocols over TCP, without sockets: bytes in, frames or named errors out, and the replies they demand."""
