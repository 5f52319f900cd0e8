"""The hub's HTTP side: who may ask (guard), what is answered (answers), reading, acting, the stream, the page."""
