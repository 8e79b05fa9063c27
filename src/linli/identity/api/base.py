from linli.kernel.http import Router

router = Router(tags=["identity"])
