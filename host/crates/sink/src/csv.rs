//! Comma-separated values (RFC 4180, but for `\n` at the end of a record) that a spreadsheet opens without running them.
//!
//! A spreadsheet takes a cell that begins with `=`, `+`, `-` or `@` for a formula, and some skip a control character in
//! front. Such a cell gets an apostrophe before it. Numbers that this program writes are left alone.

use std::io::Write;

use serde::Serialize;

use event::cells::{self, Cell};
use event::{Event, Provenance, Rendering};

/// Writes records, reusing one buffer for what must be formatted first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Csv {
    cell: Vec<u8>,
    /// For each column, what is done in a file that has others; all are written where nothing is said.
    columns: Vec<CsvColumn>,
    /// Empty cells at the end of a record.
    empty: usize,
}

/// The handling of a column in a file that was begun with others.
#[derive(Debug, Clone, Copy)]
struct CsvColumn {
    /// Empty cells before it: columns of the file that are left out now.
    empty: usize,
    /// The file has the column.
    written: bool,
}

impl Csv {
    pub(crate) fn header(
        &mut self,
        encoding: &Rendering,
        provenance: &Provenance,
        out: &mut Vec<u8>,
    ) -> csv::Result<()> {
        let mut writer = writer(out);
        let mut result = Ok(());
        cells::columns(encoding, provenance, &mut |name, _| {
            if result.is_ok() {
                result = writer.write_field(name);
            }
        });
        result?;
        writer.write_record(None::<&[u8]>)
    }

    /// For records that follow those of a file with this header, which an older version may have begun: only its columns
    /// are written, and those that the sink leaves out stay empty. Answers with those that are not written; nothing where
    /// the file has others than the encoding, or in another order.
    pub(crate) fn follow(
        &mut self,
        encoding: &Rendering,
        provenance: &Provenance,
        header: &str,
    ) -> Option<Vec<&'static str>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(header.as_bytes());
        let begun = reader.records().next()?.ok()?;
        let mut begun = begun.iter().peekable();
        let (mut columns, mut missing, mut empty) = (Vec::new(), Vec::new(), 0);
        let omitted = |name: &str| (encoding.omissions()).is_some_and(|omissions| omissions.omits(name));
        cells::columns(&encoding.encoding().into(), provenance, &mut |name, _| {
            let written = begun.next_if(|begun| *begun == name).is_some();
            if omitted(name) {
                empty += usize::from(written);
                return;
            }
            let empty = std::mem::take(&mut empty);
            columns.push(CsvColumn { empty, written });
            if !written {
                missing.push(name);
            }
        });
        if begun.peek().is_some() {
            return None;
        }
        (self.columns, self.empty) = (columns, empty);
        Some(missing)
    }

    pub(crate) fn write(
        &mut self,
        encoding: &Rendering,
        events: &[Event],
        provenance: &Provenance,
        out: &mut Vec<u8>,
    ) -> csv::Result<()> {
        let mut writer = writer(out);
        for event in events {
            let mut result = Ok(());
            let mut number = 0;
            cells::for_each(encoding, event, provenance, &mut |_, cell| {
                let column = self.columns.get(number).copied();
                number += 1;
                if result.is_ok()
                    && let Some(column) = column
                {
                    result = write_empty(&mut writer, column.empty);
                }
                if result.is_ok() && column.is_none_or(|column| column.written) {
                    result = self.field(cell, &mut writer);
                }
            });
            result?;
            write_empty(&mut writer, self.empty)?;
            writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    fn field(&mut self, cell: Cell<'_>, writer: &mut csv::Writer<&mut Vec<u8>>) -> csv::Result<()> {
        self.cell.clear();
        match cell {
            Cell::Text(None)
            | Cell::Number(None)
            | Cell::Millis(None)
            | Cell::Time(None)
            | Cell::Shown(None)
            | Cell::List([])
            | Cell::Labels([]) => {}
            Cell::Text(Some(text)) if runs(text) => {
                self.cell.push(b'\'');
                self.cell.extend_from_slice(text.as_bytes());
            }
            Cell::Text(Some(text)) => return writer.write_field(text),
            Cell::Number(Some(number)) | Cell::Millis(Some(number)) => write!(self.cell, "{number}")?,
            Cell::Time(Some(time)) => write!(self.cell, "{time}")?,
            Cell::Shown(Some(shown)) => write!(self.cell, "{shown}")?,
            Cell::List(list) => self.json(list)?,
            Cell::Labels(list) => self.json(list)?,
            Cell::Distinct(list) => self.json(list)?,
            Cell::Attributes(attributes) if attributes.is_empty() => {}
            Cell::Attributes(attributes) => self.json(attributes)?,
        }
        writer.write_field(&self.cell)
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> csv::Result<()> {
        serde_json::to_writer(&mut self.cell, value).map_err(|error| std::io::Error::from(error).into())
    }
}

fn writer(out: &mut Vec<u8>) -> csv::Writer<&mut Vec<u8>> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\n'))
        .from_writer(out)
}

fn write_empty(writer: &mut csv::Writer<&mut Vec<u8>>, cells: usize) -> csv::Result<()> {
    (0..cells).try_for_each(|_| writer.write_field(""))
}

/// True if a spreadsheet might run the cell. The full-width forms count as well: some locales take them for the others.
fn runs(text: &str) -> bool {
    text.starts_with(|c: char| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') || c.is_control())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use event::{Activity, Encoding, Outcome, samples};

    fn rendered(encoding: Encoding, events: &[Event]) -> String {
        let mut out = Vec::new();
        let mut csv = Csv::default();
        let encoding = encoding.into();
        csv.header(&encoding, &samples::domain(), &mut out).unwrap();
        csv.write(&encoding, events, &samples::domain(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn records(text: &str) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_bytes());
        reader
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect()
    }

    #[test]
    fn columns_are_the_same_whatever_the_event() {
        let events = [
            samples::sparse(Activity::Logon, Outcome::Failure),
            samples::full(Activity::RoleAssign, Outcome::Success),
        ];
        insta::assert_snapshot!(rendered(Encoding::Event, &events), @r#"
        id,time,activity,outcome,subject,subject_id,subject_display_name,subject_kind,actor,actor_id,actor_display_name,actor_kind,target,source_ip,user_agent,session,service,action,code,message,labels,attributes,report,connection,tenant,collected,correlation_uid,vendor,product
        ,2025-03-10T13:00:00.000Z,logon,failure,jdoe,,,user,,,,,,,,,idcs-0123.example.com,,,,,,audit-events,domain,acme,,,Oracle,Oracle Identity Domain
        ecaae86c21fc4df69cfaa80448fc9478,2018-05-09T21:55:54.890Z,role-assign,success,jdoe@example.com,u-17,Jane Doe,user,admin@example.com,,Al Admin,user,Service Administrator,203.0.113.7,Mozilla/5.0,s-42,SSO,sso.authentication.failure,SSO-1001,You entered an incorrect user name or password.,"[""identity"",""vip""]","{""ssoRp"":""gate"",""rId"":[""0:1"",""0:2""]}",audit-events,domain,acme,2018-05-09T22:00:00.000Z,,Oracle,Oracle Identity Domain
        "#);
        insta::assert_snapshot!(rendered(Encoding::Ocsf, &events), @r#"
        time,class_uid,class_name,category_uid,activity_id,activity_name,type_uid,severity_id,severity,status_id,status,status_code,status_detail,message,user.name,user.uid,user.display_name,user.type_id,user.type,actor.user.name,actor.user.uid,actor.user.display_name,actor.user.type_id,actor.user.type,actor.session.uid,api.operation,api.service.name,api.request.uid,api.response.code,src_endpoint.ip,src_endpoint.svc_name,dst_endpoint.svc_name,service.name,session.uid,http_request.user_agent,http_request.http_method,http_request.url.path,http_request.uid,privileges,group.name,entity.name,entity.type_id,entity.type,entity.user.name,entity.user.uid,entity.user.display_name,entity.user.type_id,entity.user.type,resources,metadata.version,metadata.product.name,metadata.product.vendor_name,metadata.log_name,metadata.log_provider,metadata.uid,metadata.event_code,metadata.labels,metadata.log_source,metadata.tenant_uid,metadata.logged_time,metadata.correlation_uid,unmapped
        1741611600000,3002,Authentication,3,1,Logon,300201,2,Low,2,Failure,,,,jdoe,,,,,,,,,,,,,,,,,,idcs-0123.example.com,,,,,,,,,,,,,,,,,1.8.0,Oracle Identity Domain,Oracle,audit-events,,,,,domain,acme,,,
        1525902954890,3005,User Access Management,3,1,Assign Privileges,300501,1,Informational,1,Success,SSO-1001,You entered an incorrect user name or password.,You entered an incorrect user name or password.,jdoe@example.com,u-17,Jane Doe,,,admin@example.com,,Al Admin,,,s-42,,,,,203.0.113.7,,,,,Mozilla/5.0,,,,"[""Service Administrator""]",,,,,,,,,,,1.8.0,Oracle Identity Domain,Oracle,audit-events,SSO,ecaae86c21fc4df69cfaa80448fc9478,sso.authentication.failure,"[""identity"",""vip""]",domain,acme,1525903200000,,"{""ssoRp"":""gate"",""rId"":[""0:1"",""0:2""]}"
        "#);
        insta::assert_snapshot!(rendered(Encoding::Ecs, &events), @r#"
        @timestamp,ecs.version,event.kind,event.category,event.type,event.outcome,event.action,event.code,event.reason,event.id,event.provider,event.module,event.dataset,event.created,event.ingested,message,user.name,user.id,user.full_name,user.target.name,user.target.id,user.target.full_name,user.changes.roles,group.name,source.address,source.ip,user_agent.original,http.request.id,http.request.method,http.response.status_code,url.original,url.path,service.name,service.target.name,observer.vendor,observer.product,cloud.account.id,related.user,related.ip,tags,oracle.connection,oracle.correlation_uid,oracle.session,oracle.target,oracle.attributes,audit.connection,audit.correlation_uid,audit.session,audit.target,audit.attributes
        2025-03-10T13:00:00.000Z,9.4.0,event,"[""authentication""]","[""start""]",failure,logon,,,,,oracle,oracle.audit_events,,,,jdoe,,,,,,,,,,,,,,,,idcs-0123.example.com,,Oracle,Oracle Identity Domain,acme,"[""jdoe""]",,,domain,,,,,,,,,
        2018-05-09T21:55:54.890Z,9.4.0,event,"[""iam""]","[""user"",""admin"",""change""]",success,sso.authentication.failure,SSO-1001,You entered an incorrect user name or password.,ecaae86c21fc4df69cfaa80448fc9478,SSO,oracle,oracle.audit_events,2018-05-09T22:00:00.000Z,2018-05-09T22:00:00.000Z,You entered an incorrect user name or password.,admin@example.com,,Al Admin,jdoe@example.com,u-17,Jane Doe,"[""Service Administrator""]",,203.0.113.7,203.0.113.7,Mozilla/5.0,,,,,,SSO,,Oracle,Oracle Identity Domain,acme,"[""jdoe@example.com"",""admin@example.com""]","[""203.0.113.7""]","[""identity"",""vip""]",domain,,s-42,,"{""ssoRp"":""gate"",""rId"":[""0:1"",""0:2""]}",,,,,
        "#);
    }

    #[test]
    fn records_follow_the_header_of_an_older_file_or_none_that_is_foreign() {
        let all = rendered(Encoding::Event, &[]);
        let old = all.replace(",tenant,collected,correlation_uid,vendor,product", "");
        let mut csv = Csv::default();
        let follow = |csv: &mut Csv, header: &str| csv.follow(&Encoding::Event.into(), &samples::domain(), header);
        assert_eq!(follow(&mut csv, &all), Some(vec![]));
        assert_eq!(
            follow(&mut csv, &old),
            Some(vec!["tenant", "collected", "correlation_uid", "vendor", "product"])
        );
        let mut out = old.into_bytes();
        let event = samples::full(Activity::Logon, Outcome::Failure);
        csv.write(&Encoding::Event.into(), &[event], &samples::domain(), &mut out)
            .unwrap();
        let records = records(str::from_utf8(&out).unwrap());
        assert_eq!(records[0].len(), records[1].len());
        assert_eq!(records[1].last().unwrap(), "domain");
        for foreign in ["", "time,id,activity\n", "id,time,own\n", &rendered(Encoding::Ecs, &[])] {
            assert_eq!(follow(&mut Csv::default(), foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_a_sink_leaves_out_has_no_column_and_stays_empty_in_a_file_that_has_one() {
        let paths = ["user_agent", "attributes.rId", "correlation_uid"].map(str::to_owned);
        let drop = Rendering::without(Encoding::Event, &paths).unwrap();
        let event = [samples::full(Activity::Logon, Outcome::Failure)];
        let (mut csv, mut out) = (Csv::default(), Vec::new());
        csv.header(&drop, &samples::domain(), &mut out).unwrap();
        csv.write(&drop, &event, &samples::domain(), &mut out).unwrap();
        let new = records(str::from_utf8(&out).unwrap());
        assert!(
            !new[0]
                .iter()
                .any(|name| name == "user_agent" || name == "correlation_uid")
        );
        assert_eq!(new[0].len(), new[1].len());
        assert_eq!(new[1][20], "{\"ssoRp\":\"gate\"}");

        let header = rendered(Encoding::Event, &[]);
        let (mut csv, mut out) = (Csv::default(), header.clone().into_bytes());
        assert_eq!(csv.follow(&drop, &samples::domain(), &header), Some(vec![]));
        csv.write(&drop, &event, &samples::domain(), &mut out).unwrap();
        let old = records(str::from_utf8(&out).unwrap());
        assert_eq!(old[0].len(), old[1].len());
        for (name, cell) in old[0].iter().zip(&old[1]) {
            match new[0].iter().position(|other| other == name) {
                Some(place) => assert_eq!(*cell, new[1][place], "{name}"),
                None => assert_eq!(cell, "", "{name}"),
            }
        }
    }

    #[test]
    fn no_cell_begins_like_a_formula() {
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "'\r=1"),
            ("\n=1", "'\n=1"),
            ("\0=1", "'\0=1"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
            ("a,\"b\"\n=c", "a,\"b\"\n=c"),
            ("'=1", "'=1"),
            ("", ""),
        ] {
            let mut event = samples::sparse(Activity::Logon, Outcome::Failure);
            event.subject.name = text.into();
            let records = records(&rendered(Encoding::Event, &[event]));
            assert_eq!(records[1][4], cell, "{text:?}");
        }
    }

    #[test]
    fn a_number_below_zero_stays_a_number() {
        let mut event = samples::sparse(Activity::Logon, Outcome::Failure);
        event.time = -1;
        assert_eq!(records(&rendered(Encoding::Ocsf, &[event]))[1][0], "-1");
    }

    proptest! {
        #[test]
        fn any_event_is_one_record_of_harmless_cells(event in samples::event()) {
            for encoding in Encoding::ALL {
                let records = records(&rendered(encoding, std::slice::from_ref(&event)));
                prop_assert_eq!(records.len(), 2);
                prop_assert_eq!(records[0].len(), records[1].len());
                for (name, cell) in records[0].iter().zip(&records[1]) {
                    prop_assert!(!runs(cell) || name.ends_with("time"), "{name}: {cell:?}");
                }
                let subject = records[0].iter().position(|name| name == "subject");
                if let Some(subject) = subject {
                    let cell = &records[1][subject];
                    let name = &event.subject.name;
                    let neutral = format!("'{name}");
                    prop_assert!(cell == name || *cell == neutral);
                }
            }
        }
    }
}
