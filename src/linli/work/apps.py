from django.apps import AppConfig


class WorkConfig(AppConfig):
    name = "linli.work"
    label = "work"

    def ready(self) -> None:
        from linli.kernel import files
        from linli.places import facade as places
        from linli.work import selectors

        files.owner("task_photo", selectors.may_read_photo)
        places.rehome_table(
            places.RehomedTable(
                name="work.task", label_zh="任务", label_en="Tasks", table="work_task",
                where="t.state IN ('open', 'accepted', 'arrived')",
            )
        )  # fmt: skip
        places.rehome_table(
            places.RehomedTable(
                name="work.patrol_point", label_zh="巡查点", label_en="Patrol points", table="work_patrol_point",
                grid_column="",
            )
        )  # fmt: skip
