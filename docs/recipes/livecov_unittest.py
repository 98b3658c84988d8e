import livecov


class LiveCoverage:
    def run(self, result=None):
        livecov.start(self.id())
        try:
            return super().run(result)
        finally:
            livecov.stop()
