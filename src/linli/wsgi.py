"""The WSGI application that granian serves as the process `web`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "linli.settings")
from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
